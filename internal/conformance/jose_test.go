package conformance_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/oidcrpc/oidcrpc/verifier"
)

// The vectors go through Verify and not through a Key, since most of them attack
// what comes before the signature: the serialization, the header, the choice of the
// key. A parser written for this test would be tested in its stead.
func TestVerifyAgreesWithWycheproofOnSignedTokens(t *testing.T) {
	for _, tt := range []struct {
		file                  string
		asymmetric, symmetric int
	}{
		{"json_web_signature", 361, 40},
		{"json_web_key", 11, 15},
		{"json_web_crypto", 29, 20},
	} {
		t.Run(tt.file, func(t *testing.T) {
			symmetric := 0
			c := comparison{t: t, file: tt.file}
			for _, g := range groupsOf(t, tt.file) {
				jwks := g.Public
				if jwks == nil {
					jwks = g.Private // as if the secret had been published
				}
				v := newVerifier(t, keysOf(t, jwks))
				for _, vector := range g.Tests {
					if vector.JWS == nil {
						continue
					}
					want := vector.isValid()
					if g.Public == nil {
						symmetric++
						want = false // an HMAC is no signature
					}
					_, err := v.Verify(t.Context(), tokenOf(vector.JWS))
					c.compare(vector, hasGoodSignature(err), want)
				}
			}
			c.finish(tt.asymmetric + tt.symmetric)
			if symmetric != tt.symmetric {
				t.Errorf("ran %d symmetric cases, want %d", symmetric, tt.symmetric)
			}
		})
	}
}

func TestVerifyRefusesEncryptedTokensAsMalformed(t *testing.T) {
	for _, tt := range []struct {
		file  string
		cases int
	}{
		{"json_web_crypto", 34},
		{"json_web_encryption", 139},
	} {
		t.Run(tt.file, func(t *testing.T) {
			cases := 0
			v := newVerifier(t, nil)
			for _, g := range groupsOf(t, tt.file) {
				for _, vector := range g.Tests {
					if vector.JWE == nil {
						continue
					}
					cases++
					_, err := v.Verify(t.Context(), tokenOf(vector.JWE))
					if got := verifier.CodeOf(err); got != verifier.CodeMalformedToken {
						t.Errorf("tcId %d (%s): code = %q, want %q",
							vector.ID, vector.Comment, got, verifier.CodeMalformedToken)
					}
				}
			}
			if cases != tt.cases {
				t.Errorf("ran %d cases, want %d", cases, tt.cases)
			}
		})
	}
}

// What is wrong with the vectors of json_web_key is the key. Some of them have an
// empty payload, too, and Verify never comes to look at the key.
func TestKeysAreRefusedAsWycheproofAsks(t *testing.T) {
	c := comparison{t: t, file: "json_web_key"}
	for _, g := range groupsOf(t, c.file) {
		if g.Public == nil {
			continue
		}
		keys := keysOf(t, g.Public)
		if len(keys) != 1 {
			t.Fatalf("%d keys, want 1", len(keys))
		}
		key := parseKey(keys[0])
		for _, v := range g.Tests {
			alg, _, _ := split(t, tokenOf(v.JWS))
			c.compare(v, key != nil && key.Fits(alg), v.isValid())
		}
	}
	c.finish(11)
}

func TestSecretKeysAreNoKeys(t *testing.T) {
	cases := 0
	for _, file := range []string{
		"json_web_signature", "json_web_key", "json_web_crypto", "json_web_encryption",
	} {
		for i, g := range groupsOf(t, file) {
			for _, jwk := range keysOf(t, g.Private) {
				if !isSecret(t, jwk) {
					continue
				}
				cases++
				if parseKey(jwk) != nil {
					t.Errorf("%s, group %d: Key took a secret key", file, i)
				}
			}
		}
	}
	if cases != 90 {
		t.Errorf("ran %d cases, want 90", cases)
	}
}

// Verify refuses an empty payload for its form, so that these vectors are exceptions
// there. Their signatures are as good as the vectors say.
func TestSignaturesOfEmptyPayloadsAreGood(t *testing.T) {
	cases := 0
	for _, g := range groupsOf(t, "json_web_signature") {
		for _, v := range g.Tests {
			if v.Comment != "emptyPayload" {
				continue
			}
			cases++
			alg, signed, signature := split(t, tokenOf(v.JWS))
			if !mustParseKey(t, string(g.Public)).Verify(alg, signed, signature) {
				t.Errorf("tcId %d: the signature is not good", v.ID)
			}
		}
	}
	if cases != 6 {
		t.Errorf("ran %d cases, want 6", cases)
	}
}

// newVerifier allows every algorithm. It adds a key to those given, of an ID that no
// vector has: a set without a usable key would not be a set.
func newVerifier(t *testing.T, jwks []json.RawMessage) *verifier.Verifier {
	t.Helper()
	jwks = append(jwks, json.RawMessage(
		`{"kty":"OKP","crv":"Ed25519","kid":"bystander","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`))
	set, err := json.Marshal(map[string][]json.RawMessage{"keys": jwks})
	if err != nil {
		t.Fatal(err)
	}
	v, err := verifier.New(verifier.Config{
		Issuer:     "https://issuer.example",
		Audiences:  []string{"https://api.example"},
		JWKS:       set,
		Algorithms: algorithms,
	})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// hasGoodSignature tells a token with a good signature by the way it is refused. No
// vector's payload is a JSON object, and Verify finds that out only once it believes
// the signature.
func hasGoodSignature(err error) bool {
	refusal, ok := errors.AsType[*verifier.AuthError](err)
	return ok && refusal.Message == "the token payload is not a valid JSON object"
}

// keysOf returns the keys of a JWK Set, or the one JWK that it is.
func keysOf(t *testing.T, raw json.RawMessage) []json.RawMessage {
	t.Helper()
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(raw, &set); err != nil {
		t.Fatal(err)
	}
	if set.Keys == nil {
		return []json.RawMessage{raw}
	}
	return set.Keys
}

// isSecret tells the keys of Private that are from the public ones among them.
func isSecret(t *testing.T, jwk json.RawMessage) bool {
	t.Helper()
	var members map[string]json.RawMessage
	if err := json.Unmarshal(jwk, &members); err != nil {
		t.Fatal(err)
	}
	return members["k"] != nil || members["d"] != nil
}

// tokenOf returns a token as the caller would send it.
func tokenOf(raw json.RawMessage) string {
	var token string
	if json.Unmarshal(raw, &token) != nil {
		return string(raw) // JSON serialization
	}
	return token
}

// split takes a compact JWS of good form apart.
func split(t *testing.T, token string) (alg, signed string, signature []byte) {
	t.Helper()
	dot := strings.LastIndexByte(token, '.')
	signature, err := base64.RawURLEncoding.DecodeString(token[dot+1:])
	if err != nil {
		t.Fatal(err)
	}
	signed = token[:dot]
	encoded, _, _ := strings.Cut(signed, ".")
	decoded, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		t.Fatal(err)
	}
	var header struct {
		Alg string `json:"alg"`
	}
	if err := json.Unmarshal(decoded, &header); err != nil {
		t.Fatal(err)
	}
	return header.Alg, signed, signature
}
