package verifier_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rsa"
	_ "crypto/sha256" // for crypto.SHA256
	_ "crypto/sha512" // for crypto.SHA384 and crypto.SHA512
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// Everyone knows a public key: an HMAC by it, in whatever shape, proves nothing, neither under
// its own name nor under another one, which is allowed.
func TestVerifyRefusesAnHMACByAPublicKey(t *testing.T) {
	t.Parallel()
	k := newKeyring(t)
	hashes := map[string]crypto.Hash{"HS256": crypto.SHA256, "HS384": crypto.SHA384, "HS512": crypto.SHA512}
	for alg, key := range map[string]crypto.Signer{"RS256": k.rsa, "PS256": k.rsa, "ES256": k.ec, "EdDSA": k.ed} {
		config := everyAlgorithm().Config()
		config.JWKS = keySet(t, jwk(t, key.Public(), "key", nil))
		v := newVerifier(t, config)
		accept(t, v, k.tokens[alg])
		for shape, secret := range shapes(t, key.Public()) {
			for hs, hash := range hashes {
				sign := func(signed []byte) []byte {
					mac := hmac.New(hash.New, secret)
					mac.Write(signed)
					return mac.Sum(nil)
				}
				named := tokenWithHeader(t, map[string]any{"alg": hs, "kid": "key"})
				if got := verdict(t, v, resign(named, sign)); got != verifier.CodeDisallowedAlg {
					t.Errorf("%s by %s as %s: code = %q, want %q", hs, alg, shape, got, verifier.CodeDisallowedAlg)
				}
				disguised := resign(k.tokens[alg], sign)
				if got := verdict(t, v, disguised); got != verifier.CodeInvalidToken {
					t.Errorf("%s in the name of %s as %s: code = %q, want %q", hs, alg, shape, got, verifier.CodeInvalidToken)
				}
			}
		}
	}
}

// shapes are the forms in which a library might take a public key for a secret.
func shapes(t *testing.T, public crypto.PublicKey) map[string][]byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	all := map[string][]byte{
		"nothing":                  {},
		"PKIX":                     der,
		"PKIX in PEM":              text,
		"PKIX in PEM, trimmed":     []byte(strings.TrimSpace(string(text))),
		"PKIX in PEM, in one line": []byte(strings.ReplaceAll(string(text), "\n", "")),
		"a JWK":                    mustMarshal(t, jwk(t, public, "key", nil)),
		"a JWK without a kid":      mustMarshal(t, jwk(t, public, "", nil)),
		"a JWK Set":                keySet(t, jwk(t, public, "key", nil)),
		"its kid":                  []byte("key"),
	}
	switch key := public.(type) {
	case *rsa.PublicKey:
		pkcs1 := x509.MarshalPKCS1PublicKey(key)
		all["PKCS #1"] = pkcs1
		all["PKCS #1 in PEM"] = pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: pkcs1})
		all["the modulus"] = key.N.Bytes()
		all["the modulus in base64"] = []byte(encoded(key.N.Bytes()))
	case *ecdsa.PublicKey:
		point, err := key.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		all["the point"] = point
		all["the coordinates"] = point[1:]
		all["x"] = point[1:33]
	case ed25519.PublicKey:
		all["the point"] = key
		all["the point in base64"] = []byte(encoded(key))
	}
	return all
}

func tokenWithHeader(t *testing.T, header map[string]any) string {
	t.Helper()
	return everyAlgorithm().Token(nil, verifiertest.WithRawHeader(string(mustMarshal(t, header))))
}

// A token without a signature is none, whatever its alg says (RFC 8725, section 3.2).
func TestVerifyRefusesUnsecuredTokens(t *testing.T) {
	t.Parallel()
	k := newKeyring(t)
	config := everyAlgorithm().Config()
	config.JWKS = keySet(t, jwk(t, k.ec.Public(), "key", nil))
	v := newVerifier(t, config)
	for _, alg := range []string{"none", "None", "NONE", "nOnE", "ES256", ""} {
		token := tokenWithHeader(t, map[string]any{"alg": alg, "kid": "key"})
		unsigned := token[:strings.LastIndexByte(token, '.')]
		for _, token := range []string{unsigned, unsigned + "..", unsigned + ".="} {
			refuse(t, v, token, verifier.CodeMalformedToken)
		}
		want := verifier.CodeMalformedToken
		if strings.EqualFold(alg, "none") { // an empty signature is how it's written
			want = verifier.CodeDisallowedAlg
		}
		refuse(t, v, unsigned+".", want)
	}
}

// To encrypt to us takes only our public key: it says nothing about who wrote what is
// inside, were it a good token.
func TestVerifyRefusesEncryptedTokens(t *testing.T) {
	t.Parallel()
	k := newKeyring(t)
	config := everyAlgorithm().Config()
	config.JWKS = keySet(t, jwk(t, k.rsa.Public(), "key", nil))
	v := newVerifier(t, config)
	inner := k.tokens["RS256"]
	accept(t, v, inner)
	claims, err := json.Marshal(map[string]any{
		"iss": config.Issuer, "aud": verifiertest.Audience, "exp": int64(4_000_000_000),
	})
	if err != nil {
		t.Fatal(err)
	}
	recipients := map[string]jose.Recipient{
		"RSA-OAEP":     {Algorithm: jose.RSA_OAEP, Key: k.rsa.Public(), KeyID: "key"},
		"RSA-OAEP-256": {Algorithm: jose.RSA_OAEP_256, Key: k.rsa.Public(), KeyID: "key"},
		"dir":          {Algorithm: jose.DIRECT, Key: make([]byte, 16), KeyID: "key"},
	}
	for name, recipient := range recipients {
		for _, cty := range []jose.ContentType{"", "JWT"} {
			encrypter, err := jose.NewEncrypter(jose.A128GCM, recipient, (&jose.EncrypterOptions{}).WithContentType(cty))
			if err != nil {
				t.Fatal(err)
			}
			for _, content := range []string{inner, string(claims)} {
				encrypted, err := encrypter.Encrypt([]byte(content))
				if err != nil {
					t.Fatal(err)
				}
				compact, err := encrypted.CompactSerialize()
				if err != nil {
					t.Fatal(err)
				}
				for form, token := range map[string]string{"compact": compact, "JSON": encrypted.FullSerialize()} {
					if got := verdict(t, v, token); got != verifier.CodeMalformedToken {
						t.Errorf("%s, %s: code = %q, want %q", name, form, got, verifier.CodeMalformedToken)
					}
				}
			}
		}
	}
}

// A JWT inside another is vouched for by the outer one's signer, at best.
func TestVerifyRefusesNestedTokens(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	v := newVerifier(t, offline(issuer))
	inner := issuer.Token(nil)
	accept(t, v, inner)
	for _, payload := range []string{inner, `"` + inner + `"`} {
		refuse(t, v, issuer.Token(nil, verifiertest.WithRawPayload(payload)), verifier.CodeMalformedToken)
		refuse(t, v, issuer.Token(nil, verifiertest.WithRawPayload(payload), verifiertest.WithHeader("cty", "JWT")),
			verifier.CodeForbiddenHeader)
	}
}

// An attacker's token comes with the attacker's key, or the way to it. It is neither
// used nor looked at.
func TestVerifyTakesNoKeyFromAToken(t *testing.T) {
	t.Parallel()
	attacker := ecKey(t, elliptic.P256())
	issuer := verifiertest.NewIssuer()
	network := &remote{respond: issuer.RoundTrip}
	config := issuer.Config()
	config.HTTPClient = network.client()
	v := newVerifier(t, config)
	accept(t, v, issuer.Token(nil))
	before := len(network.requests())

	certificate := encoded([]byte("a certificate"))
	for name, headers := range map[string]map[string]any{
		"jwk":           {"jwk": jwk(t, attacker.Public(), "ES256-1", nil)},
		"private jwk":   {"jwk": jwk(t, attacker, "ES256-1", nil)},
		"jwk and kid":   {"jwk": jwk(t, attacker.Public(), "attacker", nil), "kid": "attacker"},
		"x5c":           {"x5c": []string{certificate}},
		"jku":           {"jku": "https://evil.example/jwks"},
		"jku of ours":   {"jku": issuer.URL() + "/jwks"},
		"x5u":           {"x5u": "https://evil.example/certificate"},
		"an epk":        {"epk": jwk(t, attacker.Public(), "", nil)},
		"jku as a list": {"jku": []string{"https://evil.example/jwks"}},
	} {
		options := []verifiertest.TokenOption{verifiertest.WithKey(attacker)}
		for header, value := range headers {
			options = append(options, verifiertest.WithHeader(header, value))
		}
		if got := verdict(t, v, issuer.Token(nil, options...)); got != verifier.CodeForbiddenHeader {
			t.Errorf("%s: code = %q, want %q", name, got, verifier.CodeForbiddenHeader)
		}
	}
	if got := network.requests()[before:]; len(got) != 0 {
		t.Errorf("requested %q", got)
	}
	// Its signature may be one of a new key of ours, so the issuer is asked, where it always is.
	refuse(t, v, issuer.Token(nil, verifiertest.WithKey(attacker)), verifier.CodeInvalidToken)
	for _, url := range network.requests()[before:] {
		if url != issuer.URL()+"/jwks" && url != issuer.URL()+"/.well-known/openid-configuration" {
			t.Errorf("requested %s", url)
		}
	}
}
