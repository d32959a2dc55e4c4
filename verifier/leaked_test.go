package verifier_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// leakedKeys returns the public half of each key whose private half stands in a package,
// under the name of the package as kid.
func leakedKeys(t testing.TB) []map[string]any {
	t.Helper()
	text, err := os.ReadFile("../internal/jws/testdata/leaked.json")
	if err != nil {
		t.Fatal(err)
	}
	var set struct {
		Keys []map[string]any `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		t.Fatal(err)
	}
	return set.Keys
}

// judgeLeaked returns the refusal of a token that names key, which did not sign it. The
// bystander, a key beside it, must not suffer.
func judgeLeaked(t *testing.T, route, issuer string, key map[string]any) *verifier.AuthError {
	t.Helper()
	k := newKeyring(t)
	config := everyAlgorithm().Config()
	routes[route](&config, keySet(t, key, k.bystander))
	config.Issuer = issuer
	v := newVerifier(t, config)
	accept(t, v, everyAlgorithm().Token(map[string]any{"iss": issuer}, verifiertest.WithAlgorithm("ES256"),
		verifiertest.WithKey(k.bystanderKey), verifiertest.WithHeader("kid", "bystander")))
	alg, signer := "RS256", k.rsa
	if key["kty"] == "EC" {
		alg, signer = "ES256", k.ec
	}
	_, err := v.Verify(t.Context(), everyAlgorithm().Token(map[string]any{"iss": issuer},
		verifiertest.WithAlgorithm(alg), verifiertest.WithKey(signer), verifiertest.WithHeader("kid", key["kid"])))
	refusal, ok := errors.AsType[*verifier.AuthError](err)
	if !ok {
		t.Fatalf("Verify: %v, want an AuthError", err)
	}
	return refusal
}

func TestKeyWhosePrivateHalfIsInAPackageIsUnusable(t *testing.T) {
	for _, key := range leakedKeys(t) {
		refusal := judgeLeaked(t, "given", "https://issuer.test", key)
		want := "its private key is published in " + key["kid"].(string) +
			", so an attacker can sign with it: give the issuer a key of its own"
		if refusal.Code != unfit || !strings.HasSuffix(refusal.Err.Error(), want) {
			t.Errorf("code = %q, cause = %v; want %q because %q", refusal.Code, refusal.Err, unfit, want)
		}
	}
}

// WSO2 writes n with a leading zero, and other issuers e in four bytes.
func TestLeakedKeyIsKnownHoweverItIsSpelled(t *testing.T) {
	key := leakedKeys(t)[0]
	n, err := base64.RawURLEncoding.DecodeString(key["n"].(string))
	if err != nil {
		t.Fatal(err)
	}
	for name, members := range map[string]map[string]any{
		"leading zero in n": {"n": base64.RawURLEncoding.EncodeToString(append([]byte{0}, n...))},
		"e in four bytes":   {"e": "AAEAAQ"},
		"other members":     {"use": "sig", "alg": "RS256"},
	} {
		spelled := maps.Clone(key)
		maps.Copy(spelled, members)
		if got := judgeLeaked(t, "given", "https://issuer.test", spelled).Code; got != unfit {
			t.Errorf("%s: code = %q, want %q", name, got, unfit)
		}
	}
}

func TestLeakedKeyIsGoodEnoughForAnIssuerOnThisHost(t *testing.T) {
	key := leakedKeys(t)[0]
	for issuer, want := range map[string]verifier.Code{
		"http://localhost:3000":         held,
		"https://localhost/realm":       held,
		"http://127.0.0.1:9000":         held,
		"http://[::1]:3000/oidc":        held,
		"https://issuer.test":           unfit,
		"https://localhost.test":        unfit,
		"https://127.0.0.1.test":        unfit,
		"https://10.0.0.1":              unfit,
		"https://issuer.test/localhost": unfit,
		"https://localhost@issuer.test": unfit,
		"localhost":                     unfit,
	} {
		for route := range routes {
			if got := judgeLeaked(t, route, issuer, key).Code; got != want {
				t.Errorf("%s, %s: code = %q, want %q", issuer, route, got, want)
			}
		}
	}
}

func TestIssuerWithNothingButALeakedKeyIsNoIssuer(t *testing.T) {
	noVerifier(t, keySet(t, leakedKeys(t)[0]))
}
