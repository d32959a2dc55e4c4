package verifier_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// knownGood returns tokens that are good for ever, one a line, and the keys that they
// are signed with. They are files, since the processes of a fuzzer need the same ones.
// The private keys are not kept.
func knownGood(t testing.TB) (jwks []byte, tokens []string) {
	t.Helper()
	jwks, err := os.ReadFile("testdata/known_good.jwks")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("testdata/known_good.txt")
	if err != nil {
		t.Fatal(err)
	}
	return jwks, strings.Fields(string(text))
}

func knownGoodConfig(t testing.TB) (verifier.Config, *remote) {
	t.Helper()
	jwks, _ := knownGood(t)
	network := &remote{respond: func(*http.Request) (*http.Response, error) {
		return nil, errors.New("nothing is to be fetched")
	}}
	return verifier.Config{
		Issuer: "https://issuer.test", Audiences: []string{verifiertest.Audience},
		Algorithms: algorithms, JWKS: jwks, HTTPClient: network.client(),
	}, network
}

func TestKnownGoodTokensAreGood(t *testing.T) {
	t.Parallel()
	_, tokens := knownGood(t)
	config, _ := knownGoodConfig(t)
	v := newVerifier(t, config)
	for _, token := range tokens {
		if got := accept(t, v, token).Scopes(); !slices.Equal(got, []string{"read"}) {
			t.Errorf("scopes = %q", got)
		}
	}
	if len(tokens) != 5 {
		t.Errorf("%d tokens, want 5", len(tokens))
	}
}

// No token is accepted unless it is one of the known good, byte for byte. The verifier
// is one for all, and so remembers what it may.
func FuzzVerify(f *testing.F) {
	_, tokens := knownGood(f)
	for i, token := range tokens {
		f.Add(token)
		header, rest, _ := strings.Cut(token, ".")
		payload, signature, _ := strings.Cut(rest, ".")
		f.Add(header + ".." + signature)
		f.Add(payload + "." + header + "." + signature)
		f.Add(token + "." + signature + ".")
		other, _, _ := strings.Cut(tokens[(i+1)%len(tokens)], ".")
		f.Add(other + "." + payload + "." + signature)
		for _, forged := range []string{
			`{"alg":"none","kid":"rsa"}`, `{"alg":"HS256","kid":"ec"}`, `{"alg":"RS256","kid":"ec"}`,
			`{"alg":"ES256","kid":"ec","kid":"ec"}`, `{"alg":"ES256","kid":"ec","crit":["b64"],"b64":false}`,
			`{"alg":"EdDSA","kid":"ed","jwk":{"kty":"OKP"}}`, `{"alg":"ES256"}`, `[]`, "\ufeff{}", nested(20),
		} {
			f.Add(segment(forged) + "." + payload + "." + signature)
			f.Add(header + "." + segment(forged) + "." + signature)
		}
	}
	f.Add("")
	f.Add("..")
	config, network := knownGoodConfig(f)
	v := newVerifier(f, config)
	for _, token := range tokens {
		accept(f, v, token)
	}
	f.Fuzz(func(t *testing.T, token string) {
		claims, err := v.Verify(t.Context(), token)
		if requests := network.requests(); len(requests) != 0 {
			t.Fatalf("requested %q", requests)
		}
		if err == nil {
			if claims == nil || !slices.Contains(tokens, token) {
				t.Errorf("accepted %q", token)
			}
			return
		}
		if claims != nil {
			t.Error("claims were returned with an error")
		}
		refusal, ok := errors.AsType[*verifier.AuthError](err)
		if !ok {
			t.Fatalf("Verify: %v, want an AuthError", err)
		}
		if refusal.StatusCode() != http.StatusUnauthorized || !slices.Contains(codes, refusal.Code) {
			t.Errorf("Verify: %v, want one of the codes of status 401", refusal)
		}
		challenge := refusal.Challenge("").String()
		if _, err := verifier.ParseChallenges([]string{challenge}); err != nil {
			t.Errorf("the challenge %s cannot be read: %v", challenge, err)
		}
	})
}

// A key set of any kind makes a verifier or an error. No key that is published with
// what would be private members, or that is not meant for this, judges a token.
func FuzzJWKS(f *testing.F) {
	jwks, _ := knownGood(f)
	f.Add(jwks)
	k := newKeyring(f)
	private := []any{jwk(f, k.rsa, "rsa", nil), jwk(f, k.ec, "ec", nil), jwk(f, k.ed, "ed", nil), k.bystander}
	f.Add(keySet(f, private...))
	f.Add(keySet(f, private[0], private[3]))
	for _, seed := range []string{
		`{}`, `[]`, `{"keys":[]}`, `{"keys":null}`, `{"keys":[{"kty":"oct","kid":"a","k":"AAAA"}]}`,
		`{"keys":[{"kty":"AKP","kid":"a","alg":"ML-DSA-44","pub":"AA"}]}`, `{"keys":[null,1,"",[],{}]}`,
		`{"keys":` + nested(100) + `}`, `{"keys":[{"kty":"RSA","kid":"a","n":"","e":""}]}`,
	} {
		f.Add([]byte(seed))
	}
	for _, members := range []map[string]any{
		{"d": "AA"}, {"use": "enc"}, {"key_ops": []string{"sign"}}, {"kid": nil}, {"alg": "RS256"}, {"x": zeros(32)},
	} {
		f.Add(keySet(f, k.bystander, jwk(f, k.ec.Public(), "key", members)))
	}
	config, _ := knownGoodConfig(f)
	f.Fuzz(func(t *testing.T, document []byte) {
		config := config
		config.JWKS = document
		v, err := verifier.New(config)
		if err != nil {
			if v != nil || !strings.HasPrefix(err.Error(), "verifier: Config.JWKS") {
				t.Errorf("New: %v, %v; want an error about Config.JWKS alone", v, err)
			}
			return
		}
		for kid, mayServe := range publicKeys(document) {
			if kid == "" || len(kid) > 512 {
				continue
			}
			for _, alg := range algorithms {
				header, err := json.Marshal(map[string]string{"alg": alg, "kid": kid})
				if err != nil {
					t.Fatal(err)
				}
				token := segment(string(header)) + "." + segment("{}") + "." + zeros(64)
				switch got := verdict(t, v, token); {
				case got == unfit:
				case got == held && mayServe:
				default:
					t.Errorf("code = %q for %s under the kid %q", got, alg, kid)
				}
			}
		}
	})
}

// publicKeys returns the key IDs of a document, and whether a key of that ID has
// nothing that forbids its use.
func publicKeys(document []byte) map[string]bool {
	var set map[string]json.RawMessage // a struct's names would match in any case
	_ = json.Unmarshal(document, &set)
	var all []json.RawMessage
	_ = json.Unmarshal(set["keys"], &all)
	keys := make(map[string]bool)
	for _, key := range all {
		var members map[string]any
		if json.Unmarshal(key, &members) != nil {
			continue
		}
		mayServe := members["kty"] != "oct"
		for _, name := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"} {
			_, has := members[name]
			mayServe = mayServe && !has
		}
		if use, has := members["use"]; has && use != "sig" {
			mayServe = false
		}
		kid, _ := members["kid"].(string)
		keys[kid] = keys[kid] || mayServe
	}
	return keys
}
