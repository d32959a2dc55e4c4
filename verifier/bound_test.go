package verifier_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// Thumbprints, as the examples of RFC 9449 and RFC 8705 have them.
const (
	keyThumbprint         = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
	certificateThumbprint = "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg0"
)

// A boundVerifier is any of our verifiers.
type boundVerifier interface {
	Verify(ctx context.Context, token string) (*verifier.Claims, error)
	VerifyBound(ctx context.Context, token string, prove func(verifier.Confirmation) error) (*verifier.Claims, error)
}

// boundTo returns a token's claims with this cnf.
func boundTo(cnf any) map[string]any { return map[string]any{"cnf": cnf} }

// proof returns a function that accepts what it's asked to prove, and keeps it.
func proof(asked *[]verifier.Confirmation) func(verifier.Confirmation) error {
	return func(c verifier.Confirmation) error {
		*asked = append(*asked, c)
		return nil
	}
}

// every returns each kind of verifier for an issuer.
func every(t *testing.T, issuer *verifiertest.Issuer) map[string]boundVerifier {
	t.Helper()
	d := &directory{}
	d.add(offline(issuer))
	return map[string]boundVerifier{
		"Verifier": newVerifier(t, offline(issuer)),
		"Multi":    newMulti(t, offline(issuer)),
		"Dynamic":  newDynamic(t, 1, d),
	}
}

func TestVerifyBoundAcceptsABoundTokenWithItsProof(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	tests := []struct {
		name string
		cnf  any
		want verifier.Confirmation
	}{
		{"a key", map[string]any{"jkt": keyThumbprint}, verifier.Confirmation{KeyThumbprint: keyThumbprint}},
		{
			"a certificate", map[string]any{"x5t#S256": certificateThumbprint},
			verifier.Confirmation{CertificateThumbprint: certificateThumbprint},
		},
		{
			"both", map[string]any{"x5t#S256": certificateThumbprint, "jkt": keyThumbprint},
			verifier.Confirmation{KeyThumbprint: keyThumbprint, CertificateThumbprint: certificateThumbprint},
		},
		{
			"a key, beside members of others", map[string]any{"jkt": keyThumbprint, "kid": "1", "x5t": 7, "JKT": nil},
			verifier.Confirmation{KeyThumbprint: keyThumbprint},
		},
	}
	for _, test := range tests {
		for kind, v := range every(t, issuer) {
			token := issuer.Token(boundTo(test.cnf))
			for _, temperature := range []string{"cold", "remembered"} {
				var asked []verifier.Confirmation
				claims, err := v.VerifyBound(t.Context(), token, proof(&asked))
				if err != nil {
					t.Fatalf("%s, %s, %s: %v", test.name, kind, temperature, err)
				}
				if !claims.IsBound() || claims.Confirmation() != test.want {
					t.Errorf("%s, %s: bound %t to %+v", test.name, kind, claims.IsBound(), claims.Confirmation())
				}
				if len(asked) != 1 || asked[0] != test.want {
					t.Errorf("%s, %s, %s: asked to prove %+v, want %+v once", test.name, kind, temperature, asked, test.want)
				}
			}
		}
	}
}

// A copy of a bound token is worth nothing, though the token is remembered.
func TestVerifyRefusesABoundTokenThatWasProvenBefore(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	for kind, v := range every(t, issuer) {
		for _, cnf := range []any{
			map[string]any{"jkt": keyThumbprint}, map[string]any{"x5t#S256": certificateThumbprint},
		} {
			token := issuer.Token(boundTo(cnf))
			wantCode(t, v, token, verifier.CodeInvalidToken)
			for range 2 {
				var asked []verifier.Confirmation
				if _, err := v.VerifyBound(t.Context(), token, proof(&asked)); err != nil {
					t.Fatalf("%s: %v", kind, err)
				}
				wantCode(t, v, token, verifier.CodeInvalidToken)
			}
		}
	}
}

func TestVerifyBoundRefusesWhatNothingCanProve(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	v := newVerifier(t, offline(issuer))
	for name, cnf := range map[string]any{
		"null":                      verifiertest.Null,
		"false":                     false,
		"a string":                  keyThumbprint,
		"a list":                    []any{map[string]any{"jkt": keyThumbprint}},
		"nothing":                   map[string]any{},
		"an unknown method":         map[string]any{"kid": "1"},
		"another case":              map[string]any{"JKT": keyThumbprint, "x5t#s256": certificateThumbprint},
		"null for a key":            map[string]any{"jkt": nil},
		"a list of keys":            map[string]any{"jkt": []string{keyThumbprint}},
		"an empty key":              map[string]any{"jkt": ""},
		"a short key":               map[string]any{"jkt": keyThumbprint[1:]},
		"a long key":                map[string]any{"jkt": keyThumbprint + "A"},
		"a padded key":              map[string]any{"jkt": keyThumbprint + "="},
		"a key in plain base64":     map[string]any{"jkt": strings.ReplaceAll(keyThumbprint, "-", "+")},
		"a key with loose bits":     map[string]any{"jkt": keyThumbprint[:42] + "J"},
		"a key with a line break":   map[string]any{"jkt": keyThumbprint[:42] + "\n"},
		"a good key, a line break":  map[string]any{"jkt": keyThumbprint + "\n"},
		"a line break in a key":     map[string]any{"jkt": keyThumbprint[:20] + "\r\n" + keyThumbprint[20:]},
		"31 bytes and a line break": map[string]any{"jkt": keyThumbprint[:40] + "AA" + "\n"},
		"a key with a space":        map[string]any{"jkt": " " + keyThumbprint[1:]},
		"a hash in hex":             map[string]any{"x5t#S256": strings.Repeat("0f", 32)},
		"a number for a hash":       map[string]any{"x5t#S256": 1},
		"a bad hash, a good key":    map[string]any{"x5t#S256": "x", "jkt": keyThumbprint},
		"a good hash, a bad key":    map[string]any{"x5t#S256": certificateThumbprint, "jkt": "x"},
		"a good hash, a null key":   map[string]any{"x5t#S256": certificateThumbprint, "jkt": nil},
	} {
		var asked []verifier.Confirmation
		claims, err := v.VerifyBound(t.Context(), issuer.Token(boundTo(cnf)), proof(&asked))
		if verifier.CodeOf(err) != verifier.CodeInvalidToken || claims != nil {
			t.Errorf("%s: %v and claims %v, want code %q", name, err, claims, verifier.CodeInvalidToken)
		}
		if len(asked) != 0 {
			t.Errorf("%s: it was asked to prove %+v", name, asked)
		}
	}
}

// Two parsers could take one or the other.
func TestVerifyBoundRefusesAConfirmationWithTwoValues(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	v := newVerifier(t, offline(issuer))
	payload := `{"iss":"` + issuer.URL() + `","aud":"` + verifiertest.Audience + `","exp":4000000000,"cnf":`
	key := `"jkt":"` + keyThumbprint + `"`
	var asked []verifier.Confirmation
	good := issuer.Token(nil, verifiertest.WithRawPayload(payload+`{`+key+`}}`))
	if _, err := v.VerifyBound(t.Context(), good, proof(&asked)); err != nil {
		t.Fatal(err)
	}
	for _, rest := range []string{
		`{` + key + `,` + key + `}}`,
		`{` + key + `,"\u006akt":"` + keyThumbprint + `"}}`,
		`{` + key + `},"cnf":{` + key + `}}`,
		`null,"cnf":{` + key + `}}`,
	} {
		token := issuer.Token(nil, verifiertest.WithRawPayload(payload+rest))
		if _, err := v.VerifyBound(t.Context(), token, proof(&asked)); verifier.CodeOf(err) != verifier.CodeMalformedToken {
			t.Errorf("%s: %v, want code %q", rest, err, verifier.CodeMalformedToken)
		}
	}
	if len(asked) != 1 {
		t.Errorf("%d proofs were asked for, want the good token's", len(asked))
	}
}

func TestVerifyBoundReturnsTheErrorOfTheProof(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	failure := errors.New("no proof")
	for kind, v := range every(t, issuer) {
		for _, claims := range []map[string]any{nil, boundTo(map[string]any{"jkt": keyThumbprint})} {
			token := issuer.Token(claims)
			for range 2 { // cold, and remembered
				got, err := v.VerifyBound(t.Context(), token, func(verifier.Confirmation) error { return failure })
				if got != nil || !errors.Is(err, failure) {
					t.Errorf("%s: claims %v and %v, want the proof's error", kind, got, err)
				}
			}
		}
	}
}

func TestVerifyBoundAsksForAProofOfAGoodTokenOnly(t *testing.T) {
	t.Parallel()
	issuer, stranger := verifiertest.NewIssuer(), verifiertest.NewIssuer()
	v := newVerifier(t, offline(issuer))
	cnf := map[string]any{"jkt": keyThumbprint}
	var asked []verifier.Confirmation
	for name, token := range map[string]string{
		"expired":              issuer.Token(map[string]any{"cnf": cnf, "exp": 1}),
		"for another audience": issuer.Token(map[string]any{"cnf": cnf, "aud": "https://other.test"}),
		"of another key":       stranger.Token(map[string]any{"cnf": cnf, "iss": issuer.URL()}),
		"an ID token":          issuer.Token(map[string]any{"cnf": cnf, "at_hash": halfHash}),
		"no token":             "x",
	} {
		if claims, err := v.VerifyBound(t.Context(), token, proof(&asked)); err == nil || claims != nil {
			t.Errorf("%s: claims %v and %v", name, claims, err)
		}
	}
	if len(asked) != 0 {
		t.Errorf("it was asked to prove %+v", asked)
	}
}

func TestBearerTokenHasNothingToProve(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	for kind, v := range every(t, issuer) {
		var asked []verifier.Confirmation
		claims, err := v.VerifyBound(t.Context(), issuer.Token(nil), proof(&asked))
		if err != nil || claims.IsBound() || len(asked) != 1 || !asked[0].IsZero() {
			t.Errorf("%s: %v, bound %t, asked to prove %+v", kind, err, claims.IsBound(), asked)
		}
	}
}

// 401 comes before 403, and a thief isn't told which scopes the token lacks.
func TestProofComesBeforeTheBaseline(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	config := offline(issuer)
	config.Require.Scopes = []string{"write"}
	v := newVerifier(t, config)
	token := issuer.Token(boundTo(map[string]any{"jkt": keyThumbprint}))
	failure := errors.New("no proof")
	if _, err := v.VerifyBound(t.Context(), token, func(verifier.Confirmation) error { return failure }); !errors.Is(err, failure) {
		t.Errorf("without proof: %v", err)
	}
	var asked []verifier.Confirmation
	if _, err := v.VerifyBound(t.Context(), token, proof(&asked)); verifier.CodeOf(err) != verifier.CodeInsufficientScope {
		t.Errorf("with proof: %v", err)
	}
}

func TestNewBoundClaimsNeedsTheProof(t *testing.T) {
	t.Parallel()
	const object = `{"iss":"api-keys","exp":4000000000,"cnf":{"x5t#S256":"` + certificateThumbprint + `"}}`
	if _, err := verifier.NewClaims([]byte(object), verifier.ClaimsConfig{}); verifier.CodeOf(err) != verifier.CodeInvalidToken {
		t.Errorf("NewClaims: %v, want code %q", err, verifier.CodeInvalidToken)
	}
	want := verifier.Confirmation{CertificateThumbprint: certificateThumbprint}
	var asked []verifier.Confirmation
	claims, err := verifier.NewBoundClaims([]byte(object), verifier.ClaimsConfig{}, proof(&asked))
	if err != nil || claims.Confirmation() != want || len(asked) != 1 || asked[0] != want {
		t.Errorf("NewBoundClaims: %v, bound to %+v, asked to prove %+v", err, claims.Confirmation(), asked)
	}
	failure := errors.New("no proof")
	if claims, err := verifier.NewBoundClaims([]byte(object), verifier.ClaimsConfig{},
		func(verifier.Confirmation) error { return failure }); claims != nil || !errors.Is(err, failure) {
		t.Errorf("NewBoundClaims without proof: claims %v, %v", claims, err)
	}
	for _, cnf := range []string{"null", "{}", `{"kid":"1"}`, `{"jkt":"x"}`} {
		object := []byte(`{"iss":"api-keys","exp":4000000000,"cnf":` + cnf + `}`)
		asked = nil
		if _, err := verifier.NewBoundClaims(object, verifier.ClaimsConfig{}, proof(&asked)); err == nil || len(asked) != 0 {
			t.Errorf("cnf %s: %v, asked to prove %+v", cnf, err, asked)
		}
	}
}

func TestBoundRequirementRefusesBearerTokens(t *testing.T) {
	t.Parallel()
	require := verifier.Requirement{Bound: true, Scopes: []string{"write"}, Issuers: []string{"https://other.test"}}
	bearer := verifiertest.Claims(nil)
	refusal, ok := errors.AsType[*verifier.AuthError](require.Check(bearer))
	if !ok || refusal.Code != verifier.CodeUnboundToken || refusal.StatusCode() != 401 {
		t.Fatalf("Check: %v, want code %q and status 401, before all others", refusal, verifier.CodeUnboundToken)
	}
	const want = `Bearer realm="api", error="invalid_token", ` +
		`error_description="the token must be bound to a key or a certificate", scope="read write"`
	if got := refusal.With(verifier.Requirement{Scopes: []string{"write"}}).Challenge("").String(); got !=
		strings.Replace(want, "read write", "write", 1) {
		t.Errorf("challenge = %s", got)
	}
	err := verifier.Requirement{Bound: true, Scopes: []string{"read"}}.Check(bearer)
	if refusal, _ := errors.AsType[*verifier.AuthError](err); refusal.With(require).Challenge("").String() != want {
		t.Errorf("challenge = %s, want %s", refusal.With(require).Challenge(""), want)
	}
	var asked []verifier.Confirmation
	bound, err := verifier.NewBoundClaims(
		[]byte(`{"iss":"a","exp":4000000000,"cnf":{"jkt":"`+keyThumbprint+`"}}`), verifier.ClaimsConfig{}, proof(&asked))
	if err != nil {
		t.Fatal(err)
	}
	if err := (verifier.Requirement{Bound: true}).Check(bound); err != nil {
		t.Errorf("Check of a bound token: %v", err)
	}
	if !(verifier.Requirement{Bound: true}).Clone().Bound || (verifier.Requirement{Bound: true}).IsZero() {
		t.Error("Clone or IsZero doesn't know Bound")
	}
}

func TestBaselineCanRequireBoundTokens(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	config := offline(issuer)
	config.Require.Bound = true
	v := newVerifier(t, config)
	refuse(t, v, issuer.Token(nil), verifier.CodeUnboundToken)
	bound := issuer.Token(boundTo(map[string]any{"jkt": keyThumbprint}))
	refuse(t, v, bound, verifier.CodeInvalidToken)
	var asked []verifier.Confirmation
	if _, err := v.VerifyBound(t.Context(), issuer.Token(nil), proof(&asked)); verifier.CodeOf(err) != verifier.CodeUnboundToken {
		t.Errorf("a bearer token: %v", err)
	}
	if _, err := v.VerifyBound(t.Context(), bound, proof(&asked)); err != nil {
		t.Errorf("a bound token: %v", err)
	}
}

func TestRememberedBoundTokenAllocatesNothing(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	token := issuer.Token(boundTo(map[string]any{"jkt": keyThumbprint}))
	for kind, v := range every(t, issuer) {
		prove := func(verifier.Confirmation) error { return nil }
		allocs := testing.AllocsPerRun(100, func() {
			if _, err := v.VerifyBound(t.Context(), token, prove); err != nil {
				t.Errorf("VerifyBound: %v", err)
			}
		})
		if allocs != 0 {
			t.Errorf("%s: %v allocations, want none", kind, allocs)
		}
	}
}
