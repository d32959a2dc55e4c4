package verifier_test

import (
	"crypto/elliptic"
	"encoding/json"
	"strings"
	"testing"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// otherTypes are no strings.
var otherTypes = []string{`null`, `true`, `["client"]`, `{"client":1}`, `[]`, `{}`}

func TestClaimsOfAnotherTypeReadAsAbsent(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	v := newVerifier(t, offline(issuer))
	for _, value := range append(otherTypes, `1`, `1.5`) {
		claims := accept(t, v, issuer.Token(map[string]any{"jti": raw(value), "client_id": raw(value), "azp": raw(value)}))
		if claims.ID() != "" || claims.ClientID() != "" {
			t.Errorf("%s: ID = %q, ClientID = %q, want neither", value, claims.ID(), claims.ClientID())
		}
	}
	for _, value := range append(otherTypes, `"1790000000"`, `9007199254740993`, `1e400`) {
		if claims := accept(t, v, issuer.Token(map[string]any{"iat": raw(value)})); !claims.IssuedAt().IsZero() {
			t.Errorf("iat %s: IssuedAt = %v, want none", value, claims.IssuedAt())
		}
	}
	// Decode still has them as they are.
	var decoded struct {
		ID json.RawMessage `json:"jti"`
	}
	claims := accept(t, v, issuer.Token(map[string]any{"jti": raw(`[1]`)}))
	if err := claims.Decode(&decoded); err != nil || string(decoded.ID) != `[1]` {
		t.Errorf("Decode: %s, %v, want the claim itself", decoded.ID, err)
	}
}

// An issuer whose users are numbers writes them as such.
func TestWholeNumberInSubReadsAsItsText(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	v := newVerifier(t, offline(issuer))
	for value, want := range map[string]string{
		`4711`: "4711", `0`: "0", `-5`: "-5", `18446744073709551617`: "18446744073709551617",
		// Two texts of one number must not be two subjects, nor two numbers one.
		`1.0`: "", `1.5`: "", `1e3`: "", `1E3`: "", `-0.0`: "",
		`null`: "", `true`: "", `["4711"]`: "", `{"id":4711}`: "", `"4711"`: "4711", `""`: "",
	} {
		if got := accept(t, v, issuer.Token(map[string]any{"sub": raw(value)})).Subject(); got != want {
			t.Errorf("sub %s: Subject = %q, want %q", value, got, want)
		}
	}
}

func TestWhatNeedsAClaimOfAnotherTypeFails(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	profile := offline(issuer)
	profile.RFC9068 = true
	strict := newVerifier(t, profile)
	clients := offline(issuer)
	clients.Audiences, clients.ClientIDs = nil, []string{"client", "1"}
	listed := newVerifier(t, clients)
	for _, value := range append(otherTypes, `1`) {
		for _, claim := range []string{"sub", "client_id", "jti", "iat"} {
			if claim == "sub" && value == `1` || claim == "iat" && value == `1` {
				continue // it's read
			}
			token := issuer.Token(map[string]any{claim: raw(value)})
			if got := verdict(t, strict, token); got != verifier.CodeMissingClaim {
				t.Errorf("RFC9068, %s %s: code = %q, want %q", claim, value, got, verifier.CodeMissingClaim)
			}
		}
		token := issuer.Token(map[string]any{"aud": nil, "client_id": raw(value), "azp": raw(value)})
		if got := verdict(t, listed, token); got != verifier.CodeMissingClaim {
			t.Errorf("ClientIDs, %s: code = %q, want %q", value, got, verifier.CodeMissingClaim)
		}
		// One that reads as absent leaves the other.
		accept(t, listed, issuer.Token(map[string]any{"aud": nil, "client_id": raw(value), "azp": "client"}))
	}
}

func TestIgnoredHeadersAreReadOver(t *testing.T) {
	t.Parallel()
	names := []string{"jku", "x5u", "jwk", "x5c", "cty"}
	values := []string{
		`null`, `1`, `""`, `"https://evil.example"`, `[]`, `["AAAA"]`, `{"kty":"oct","k":"AAAA"}`,
		`{"kty":"RSA","e":"AQAB","n":"` + strings.Repeat("_", 2000) + `"}`,
	}
	for _, ignored := range names {
		issuer := verifiertest.NewIssuer()
		network := &remote{respond: issuer.RoundTrip}
		config := issuer.Config()
		config.HTTPClient = network.client()
		config.IgnoreHeaders = []string{ignored}
		v := newVerifier(t, config)
		for _, name := range names {
			for _, value := range values {
				want := verifier.CodeForbiddenHeader
				if name == ignored {
					want = ""
				}
				token := issuer.Token(nil, verifiertest.WithHeader(name, raw(value)))
				if got := verdict(t, v, token); got != want {
					t.Errorf("%s is ignored, %s: %s: code = %q, want %q", ignored, name, value, got, want)
				}
			}
		}
		for _, url := range network.requests() {
			if !strings.HasPrefix(url, issuer.URL()+"/") {
				t.Errorf("%s is ignored: requested %s", ignored, url)
			}
		}
	}
}

// What is read over still has to be JSON, and to stand there once.
func TestIgnoredHeadersHideNothing(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	config := offline(issuer)
	config.IgnoreHeaders = []string{"jku", "x5u", "jwk", "x5c", "cty"}
	v := newVerifier(t, config)
	attacker := ecKey(t, elliptic.P256())
	for name, test := range map[string]struct {
		token string
		want  verifier.Code
	}{
		"the key that it brings along": {
			issuer.Token(nil, verifiertest.WithKey(attacker), verifiertest.WithHeader("jwk", jwk(t, attacker.Public(), "ES256-1", nil))),
			verifier.CodeInvalidToken,
		},
		"a name twice": {
			issuer.Token(nil, verifiertest.WithRawHeader(`{"alg":"ES256","kid":"ES256-1","jku":1,"jku":1}`)), verifier.CodeMalformedToken,
		},
		"crit beside it": {
			issuer.Token(nil, verifiertest.WithHeader("jku", 1), verifiertest.WithHeader("crit", []string{"jku"})), verifier.CodeForbiddenHeader,
		},
		"a token in a token": {
			issuer.Token(nil, verifiertest.WithHeader("cty", "JWT"), verifiertest.WithRawPayload(issuer.Token(nil))), verifier.CodeMalformedToken,
		},
	} {
		if got := verdict(t, v, test.token); got != test.want {
			t.Errorf("%s: code = %q, want %q", name, got, test.want)
		}
	}
}

func TestIDTokensAreToldByAWellFormedHalfHash(t *testing.T) {
	t.Parallel()
	half := func(size int) string { return encoded(make([]byte, size)) }
	issuer := verifiertest.NewIssuer()
	config := offline(issuer)
	refusing := newVerifier(t, config)
	config.AcceptIDTokens = true
	accepting := newVerifier(t, config)
	for _, test := range []struct {
		name   string
		claims map[string]any
		isID   bool
	}{
		{"at_hash by SHA-256", map[string]any{"at_hash": half(16)}, true},
		{"at_hash by SHA-384", map[string]any{"at_hash": half(24)}, true},
		{"at_hash by SHA-512", map[string]any{"at_hash": half(32)}, true},
		{"c_hash", map[string]any{"c_hash": half(16)}, true},
		{"both", map[string]any{"at_hash": half(16), "c_hash": half(16)}, true},
		{"at_hash, and a c_hash that is none", map[string]any{"at_hash": half(16), "c_hash": 1}, true},
		{"c_hash, and an at_hash that is none", map[string]any{"at_hash": 1, "c_hash": half(16)}, true},
		{"a whole hash", map[string]any{"at_hash": half(64)}, false},
		{"fifteen bytes", map[string]any{"at_hash": half(15)}, false},
		{"padding", map[string]any{"at_hash": half(16) + "=="}, false},
		{"a claim with that name of its own", map[string]any{"at_hash": "h"}, false},
		{"null", map[string]any{"at_hash": verifiertest.Null}, false},
		{"an array", map[string]any{"at_hash": []string{half(16)}}, false},
		{"another case", map[string]any{"At_Hash": half(16)}, false},
		{"deeper", map[string]any{"x": map[string]any{"at_hash": half(16)}}, false},
		{"nonce, as older Keycloaks write it", map[string]any{"nonce": "n"}, false},
		{"s_hash", map[string]any{"s_hash": half(16)}, false},
	} {
		token := issuer.Token(test.claims)
		want := verifier.Code("")
		if test.isID {
			want = verifier.CodeInvalidToken
		}
		if got := verdict(t, refusing, token); got != want {
			t.Errorf("%s: code = %q, want %q", test.name, got, want)
		}
		if got := verdict(t, accepting, token); got != "" {
			t.Errorf("%s, accepted: code = %q, want none", test.name, got)
		}
	}
	// All other rules hold for an ID token, too.
	refuse(t, accepting, issuer.Token(map[string]any{"at_hash": half(16), "aud": "client"}), verifier.CodeInvalidAudience)
	refuse(t, accepting, issuer.Token(map[string]any{"at_hash": half(16), "exp": 1}), verifier.CodeTokenExpired)
}

func TestMaxTokenBytesIsTheLongestToken(t *testing.T) {
	t.Parallel()
	n := newNotary(t)
	for configured, longest := range map[int]int{0: 16 << 10, 1000: 1000, 64 << 10: 64 << 10} {
		config := n.config(t)
		config.MaxTokenBytes = configured
		v := newVerifier(t, config)
		multi := newMulti(t, config)
		accept(t, v, n.signOfLength(t, longest))
		wantCode(t, multi, n.signOfLength(t, longest), "")
		refuse(t, v, n.signOfLength(t, longest+1), verifier.CodeMalformedToken)
		wantCode(t, multi, n.signOfLength(t, longest+1), verifier.CodeMalformedToken)
		if v.MaxTokenBytes() != longest || multi.MaxTokenBytes() != longest {
			t.Errorf("MaxTokenBytes = %d and %d, want %d", v.MaxTokenBytes(), multi.MaxTokenBytes(), longest)
		}
	}
}

// What an Authenticator may let through is the most that one of them takes. Each issuer's
// tokens are bounded by its own Config all the same.
func TestMaxTokenBytesIsEachIssuersOwn(t *testing.T) {
	t.Parallel()
	n := newNotary(t)
	small, large := n.config(t), n.config(t)
	small.MaxTokenBytes, large.MaxTokenBytes = 1000, 2000
	large.Issuer = "https://large.test"
	multi := newMulti(t, large, small)
	for _, m := range []*verifier.Multi{multi, newMulti(t, small, large)} {
		if got := m.MaxTokenBytes(); got != 2000 {
			t.Errorf("MaxTokenBytes = %d, want 2000", got)
		}
	}
	wantCode(t, multi, n.signOfLength(t, 1500), verifier.CodeMalformedToken)
	d := &directory{}
	d.add(small)
	dynamic := newDynamic(t, 1, d)
	if got := dynamic.MaxTokenBytes(); got != 64<<10 {
		t.Errorf("MaxTokenBytes = %d, want the most that any Config allows", got)
	}
	wantCode(t, dynamic, n.signOfLength(t, 1000), "")
	wantCode(t, dynamic, n.signOfLength(t, 1001), verifier.CodeMalformedToken)
}
