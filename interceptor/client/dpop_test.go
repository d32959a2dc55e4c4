package client_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/oauth2"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/interceptor/client"
)

// bound is a Fetch whose token has a key.
func bound(context.Context) (*oauth2.Token, error) {
	return &oauth2.Token{AccessToken: "token", TokenType: "DPoP", Expiry: time.Now().Add(time.Hour)}, nil
}

func mustDPoP(t testing.TB, config client.DPoPConfig) *client.DPoP {
	t.Helper()
	d, err := client.NewDPoP(config)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// prove returns what a call to https://api.example/a.S/M sends as a proof.
func prove(t *testing.T, tokens *client.Source) string {
	t.Helper()
	ctx, _ := mustCredential(t, tokens).Prove(t.Context())
	md, err := mustCredential(t, tokens).MetadataFor(ctx, "https://api.example", "/a.S/M")
	if err != nil {
		t.Fatal(err)
	}
	if got := md["authorization"]; got != "DPoP token" {
		t.Errorf("authorization: %q", got)
	}
	return md["dpop"]
}

func claimsOf(t *testing.T, proof string) (claims map[string]any) {
	t.Helper()
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(proof, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

func TestKeyOfAnyKindProves(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		config client.DPoPConfig
		alg    jose.SignatureAlgorithm
	}{
		{"of this process", client.DPoPConfig{}, jose.ES256},
		{"P-256", client.DPoPConfig{Key: newKey(t, elliptic.P256())}, jose.ES256},
		{"P-384", client.DPoPConfig{Key: newKey(t, elliptic.P384())}, jose.ES384},
		{"Ed25519", client.DPoPConfig{Key: edKey}, jose.EdDSA},
		{"RSA", client.DPoPConfig{Key: rsaKey}, jose.PS256},
		{"RSA, by another algorithm", client.DPoPConfig{Key: rsaKey, Algorithm: "RS256"}, jose.RS256},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := mustDPoP(t, test.config)
			proof := prove(t, client.NewSource(bound, client.WithDPoP(d)))
			signed, err := jose.ParseSigned(proof, []jose.SignatureAlgorithm{test.alg})
			if err != nil {
				t.Fatal(err)
			}
			key := signed.Signatures[0].Protected.JSONWebKey
			if _, err := signed.Verify(key); err != nil || !key.IsPublic() {
				t.Errorf("the proof has the key %v: %v", key, err)
			}
			thumbprint, _ := key.Thumbprint(crypto.SHA256)
			if got := base64.RawURLEncoding.EncodeToString(thumbprint); got != d.Thumbprint() {
				t.Errorf("Thumbprint() = %q, want %q", d.Thumbprint(), got)
			}
		})
	}
}

func newKey(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// RFC 9449, section 4.2.
func TestProofIsForOneToken(t *testing.T) {
	sum := sha256.Sum256([]byte("token"))
	want := base64.RawURLEncoding.EncodeToString(sum[:])
	if got := claimsOf(t, prove(t, client.NewSource(bound, client.WithDPoP(nil))))["ath"]; got != want {
		t.Errorf("ath = %v, want %v", got, want)
	}
}

func TestSourcesShareTheKeyOfTheProcess(t *testing.T) {
	header := func(proof string) string { return strings.Split(proof, ".")[0] }
	first := header(prove(t, client.NewSource(bound, client.WithDPoP(nil))))
	second := header(prove(t, client.NewSource(bound, client.WithDPoP(mustDPoP(t, client.DPoPConfig{})))))
	if first != second {
		t.Error("two Sources have two keys")
	}
}

func TestNewDPoPNamesTheFieldThatIsWrong(t *testing.T) {
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		config client.DPoPConfig
		field  string
	}{
		{"a weak key", client.DPoPConfig{Key: weak}, "Key"},
		{"a curve without an algorithm", client.DPoPConfig{Key: newKey(t, elliptic.P224())}, "Key"},
		{"an algorithm for other keys", client.DPoPConfig{Algorithm: "PS256"}, "Key"},
		{"a shared secret", client.DPoPConfig{Algorithm: "HS256"}, "Key"},
		{"no signature", client.DPoPConfig{Algorithm: "none"}, "Key"},
		{"no scheme", client.DPoPConfig{Origin: "api.example"}, "Origin"},
		{"another scheme", client.DPoPConfig{Origin: "dns://api.example"}, "Origin"},
		{"a slash at the end", client.DPoPConfig{Origin: "https://api.example/"}, "Origin"},
		{"a fragment", client.DPoPConfig{Origin: "https://api.example/#f"}, "Origin"},
		{"a query", client.DPoPConfig{Origin: "https://api.example?"}, "Origin"},
		{"a user", client.DPoPConfig{Origin: "https://user@api.example"}, "Origin"},
		{"no host", client.DPoPConfig{Origin: "https://:443"}, "Origin"},
		{"a space", client.DPoPConfig{Origin: "https://api.example "}, "Origin"},
	} {
		if _, err := client.NewDPoP(test.config); err == nil || !strings.Contains(err.Error(), "DPoPConfig."+test.field) {
			t.Errorf("%s: %v, want an error about %s", test.name, err, test.field)
		}
	}
	for _, origin := range []string{"https://api.example", "http://[::1]:8080", "https://api.example/rpc", "https://api.example/a%2fb"} {
		if _, err := client.NewDPoP(client.DPoPConfig{Origin: origin}); err != nil {
			t.Errorf("%s: %v", origin, err)
		}
	}
}

// A token of the other type would be good for a thief, or for no call.
func TestTokenOfTheOtherTypeIsRefused(t *testing.T) {
	for _, test := range []struct {
		kind    string
		options []client.Option
		ok      bool
	}{
		{"DPoP", []client.Option{client.WithDPoP(nil)}, true},
		{"dpop", []client.Option{client.WithDPoP(nil)}, true},
		{"Bearer", []client.Option{client.WithDPoP(nil)}, false},
		{"", []client.Option{client.WithDPoP(nil)}, false},
		{"mac", []client.Option{client.WithDPoP(nil)}, false},
		{"DPoP", nil, false},
		{"Bearer", nil, true},
		{"", nil, true},
	} {
		fetch := func(context.Context) (*oauth2.Token, error) {
			return &oauth2.Token{AccessToken: "token", TokenType: test.kind}, nil
		}
		_, err := client.NewSource(fetch, test.options...).Token(t.Context())
		if (err == nil) != test.ok {
			t.Errorf("type %q with %d options: %v", test.kind, len(test.options), err)
		}
	}
}

func TestProofSaysWhenItWasMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tokens := client.NewSource(bound, client.WithDPoP(nil))
		for range 3 {
			if got, want := claimsOf(t, prove(t, tokens))["iat"], float64(time.Now().Unix()); got != want {
				t.Errorf("iat = %v, want %v", got, want)
			}
			time.Sleep(time.Minute)
		}
	})
}

func TestPrintedDPoPShowsNoKey(t *testing.T) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	config := client.DPoPConfig{Key: key}
	d := mustDPoP(t, config)
	tokens := client.NewSource(bound, client.WithDPoP(d))
	credential := mustCredential(t, tokens)
	_, proof := credential.Prove(t.Context())
	decimal := strings.Trim(fmt.Sprint(key.Seed()), "[]")
	for _, secret := range []string{decimal, strings.ReplaceAll(decimal, " ", ", "), fmt.Sprintf("%x", key.Seed()), string(key.Seed())} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q", "%d"} {
			for _, value := range []any{config, &config, []any{config}, d, credential, proof} {
				if strings.Contains(fmt.Sprintf(verb, value), secret) {
					t.Errorf("%s of a %T prints the key", verb, value)
				}
			}
		}
	}
	for _, value := range []any{config, d} {
		text, err := json.Marshal(value)
		if err != nil || strings.Contains(string(text), base64.StdEncoding.EncodeToString(key)[:20]) {
			t.Errorf("as JSON, a %T is %s, %v", value, text, err)
		}
	}
}

// A device takes its time.
type device struct {
	crypto.Signer

	err   error
	hangs bool
}

func (d device) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if d.hangs {
		time.Sleep(time.Hour)
	}
	if d.err != nil {
		return nil, d.err
	}
	return d.Signer.Sign(random, digest, opts)
}

func TestDeviceThatHangsOutlivesNoCall(t *testing.T) {
	key := newKey(t, elliptic.P256())
	synctest.Test(t, func(t *testing.T) {
		d := mustDPoP(t, client.DPoPConfig{Key: device{Signer: key, hangs: true}})
		credential := mustCredential(t, client.NewSource(bound, client.WithDPoP(d)))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		_, err := credential.MetadataFor(ctx, "https://api.example", "/a.S/M")
		if waited := time.Since(began); err == nil || waited > 2*time.Second {
			t.Errorf("MetadataFor: %v after %v", err, waited)
		}
		time.Sleep(2 * time.Hour) // until the device returns
	})
}

func TestKeyThatCannotSignIsAnOutage(t *testing.T) {
	broken := errors.New("secret: the device is gone")
	d := mustDPoP(t, client.DPoPConfig{Key: device{Signer: newKey(t, elliptic.P256()), err: broken}})
	credential := mustCredential(t, client.NewSource(bound, client.WithDPoP(d)))
	_, err := credential.MetadataFor(t.Context(), "https://api.example", "/a.S/M")
	failure, ok := tokenErrorOf(err)
	if !ok || !errors.Is(err, broken) || failure.Code() != interceptor.CodeUnavailable {
		t.Fatalf("MetadataFor: %v, want a TokenError", err)
	}
	if got := failure.Message(); got != "the proof for the token can't be signed" {
		t.Errorf("Message() = %q", got)
	}
}
