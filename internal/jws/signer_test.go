package jws_test

import (
	"crypto"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/oidcrpc/oidcrpc/internal/jws"
)

// Key.Verify is strict: a PSS salt is as long as the hash, and an ECDSA signature has a fixed size.
func TestSignerMakesWhatBothVerifiersAccept(t *testing.T) {
	for _, kind := range kinds(t) {
		for _, alg := range kind.algs {
			signer, err := jws.NewSigner(kind.key, alg, "dpop+jwt")
			if err != nil {
				t.Fatalf("%s: %v", alg, err)
			}
			for range 20 { // numbers with leading zeros
				text, err := signer.Sign([]byte(`{"a":1}`))
				if err != nil {
					t.Fatalf("%s: %v", alg, err)
				}
				parsed, err := jose.ParseSigned(text, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(alg)})
				if alg != "Ed25519" { // go-jose doesn't know the name
					if err != nil {
						t.Fatalf("%s: %v", alg, err)
					}
					header := parsed.Signatures[0].Protected
					payload, err := parsed.Verify(header.JSONWebKey)
					if err != nil || string(payload) != `{"a":1}` || header.ExtraHeaders["typ"] != "dpop+jwt" {
						t.Errorf("%s: %q in %v: %v", alg, payload, header, err)
					}
				}
				at := strings.LastIndexByte(text, '.')
				signature, _ := base64.RawURLEncoding.DecodeString(text[at+1:])
				if !publicKey(t, kind.key).Verify(alg, text[:at], signature) {
					t.Errorf("%s: our own verifier refuses the signature", alg)
				}
			}
		}
	}
}

func publicKey(t *testing.T, key crypto.Signer) *jws.Key {
	t.Helper()
	read := jws.ReadJWK(string(jwk(t, jose.JSONWebKey{Key: key.Public()})))
	public, err := read.Key()
	if err != nil {
		t.Fatal(err)
	}
	return public
}

// RFC 9449, figures 2 and 8.
func TestThumbprintIsTheRFCs(t *testing.T) {
	key := jws.ReadJWK(`{"kty":"EC","x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
		"y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA","crv":"P-256"}`)
	decoded, err := key.Key()
	if err != nil {
		t.Fatal(err)
	}
	if got := decoded.Thumbprint(); got != "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" {
		t.Errorf("Thumbprint() = %q", got)
	}
}

func TestSignerHasItsKeysThumbprint(t *testing.T) {
	for _, kind := range kinds(t) {
		signer, err := jws.NewSigner(kind.key, kind.algs[0], "dpop+jwt")
		if err != nil {
			t.Fatal(err)
		}
		if got, want := signer.Thumbprint(), publicKey(t, kind.key).Thumbprint(); got != want || len(got) != 43 {
			t.Errorf("Thumbprint() = %q, want %q", got, want)
		}
	}
}

func TestNewSignerRefusesAKeyThatCannotSign(t *testing.T) {
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		key crypto.Signer
		alg string
	}{
		"too short":            {weak, "PS256"},
		"another kind":         {ecKey(t, elliptic.P256()), "PS256"},
		"another curve":        {ecKey(t, elliptic.P256()), "ES384"},
		"a curve without name": {ecKey(t, elliptic.P224()), "ES256"},
		"a secret":             {ecKey(t, elliptic.P256()), "HS256"},
		"none":                 {ecKey(t, elliptic.P256()), "none"},
		"no name":              {ecKey(t, elliptic.P256()), ""},
	} {
		if _, err := jws.NewSigner(test.key, test.alg, "dpop+jwt"); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestDefaultAlgorithmFitsTheKey(t *testing.T) {
	want := []string{"PS256", "ES256", "ES384", "ES512", "EdDSA"}
	for i, kind := range kinds(t) {
		if got := jws.DefaultAlgorithm(kind.key.Public()); got != want[i] {
			t.Errorf("DefaultAlgorithm(%T) = %q, want %q", kind.key, got, want[i])
		}
	}
	if got := jws.DefaultAlgorithm(ecKey(t, elliptic.P224()).Public()); got != "" {
		t.Errorf("DefaultAlgorithm(P-224) = %q, want none", got)
	}
}

// A broken device signs with whatever it likes.
type brokenKey struct {
	crypto.Signer

	signature []byte
	err       error
}

func (k brokenKey) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return k.signature, k.err
}

func TestMalformedSignatureOfAKeyIsAnError(t *testing.T) {
	encode := func(r, s *big.Int) []byte {
		signature, err := asn1.Marshal(struct{ R, S *big.Int }{r, s})
		if err != nil {
			t.Fatal(err)
		}
		return signature
	}
	one, long := big.NewInt(1), new(big.Int).Lsh(big.NewInt(1), 256)
	for name, key := range map[string]brokenKey{
		"an error":    {err: io.ErrUnexpectedEOF},
		"no ASN.1":    {signature: make([]byte, 64)},
		"empty":       {},
		"more":        {signature: append(encode(one, one), 0)},
		"too large r": {signature: encode(long, one)},
		"too large s": {signature: encode(one, long)},
		"negative":    {signature: encode(big.NewInt(-1), one)},
		"zero":        {signature: encode(one, new(big.Int))},
	} {
		key.Signer = ecKey(t, elliptic.P256())
		signer, err := jws.NewSigner(key, "ES256", "dpop+jwt")
		if err != nil {
			t.Fatal(err)
		}
		if text, err := signer.Sign(nil); err == nil {
			t.Errorf("%s: signed %q", name, text)
		}
	}
}

func TestPrintedSignerShowsNoKey(t *testing.T) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jws.NewSigner(key, "EdDSA", "dpop+jwt")
	if err != nil {
		t.Fatal(err)
	}
	secret := fmt.Sprint(key.Seed())
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		text := fmt.Sprintf(verb, struct{ S jws.Signer }{*signer})
		for _, secret := range []string{secret[1 : len(secret)-1], fmt.Sprintf("%x", key.Seed())} {
			if strings.Contains(text, secret) {
				t.Errorf("%s prints the key", verb)
			}
		}
	}
	text, err := json.Marshal(signer)
	if err != nil || string(text) != "{}" {
		t.Errorf("as JSON: %s, %v", text, err)
	}
}

func TestOnlyTheStandardLibrarysKeysAreInMemory(t *testing.T) {
	for _, kind := range kinds(t) {
		if !jws.IsInMemory(kind.key) {
			t.Errorf("%T is not", kind.key)
		}
		if jws.IsInMemory(brokenKey{Signer: kind.key}) {
			t.Error("a device is")
		}
	}
}
