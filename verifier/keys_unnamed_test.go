package verifier_test

import (
	"crypto"
	"crypto/elliptic"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// unnamed signs a token that has no kid. Parameters are set over its header.
func unnamed(issuer *verifiertest.Issuer, key crypto.Signer, parameters map[string]any) string {
	options := []verifiertest.TokenOption{verifiertest.WithHeader("kid", nil), verifiertest.WithKey(key)}
	for name, value := range parameters {
		options = append(options, verifiertest.WithHeader(name, value))
	}
	return issuer.Token(nil, options...)
}

// The table says which key a token means: a, b, neither ("": there is none) or either ("?").
func TestTokenWithoutAKidNamesItsKeyByThumbprint(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	a, b := ecKey(t, elliptic.P256()), ecKey(t, elliptic.P256())
	members := func(pairs ...any) map[string]any {
		all := map[string]any{"kid": nil}
		for i := 0; i < len(pairs); i += 2 {
			all[pairs[i].(string)] = pairs[i+1]
		}
		return all
	}
	tests := []struct {
		name   string
		header map[string]any
		a, b   map[string]any
		want   string
	}{
		{"x5t", members("x5t", "A"), members("x5t", "A"), members("x5t", "B"), "a"},
		{"x5t#S256", members("x5t#S256", "A"), members("x5t#S256", "A"), members("x5t#S256", "B"), "a"},
		{"x5t is the kid of a key", members("x5t", "A"), members("kid", "A"), members("kid", "B"), "a"},
		{"x5t#S256 is the kid of a key", members("x5t#S256", "A"), members("kid", "A"), members("kid", "B"), "a"},
		{"a thumbprint before a kid", members("x5t", "A"), members("x5t", "A"), members("kid", "A"), "a"},
		{"SHA-256 before SHA-1", members("x5t", "B", "x5t#S256", "A"), members("x5t#S256", "A"), members("x5t", "B"), "a"},
		{"a kid before a thumbprint", members("kid", "a", "x5t", "B"), members("kid", "a"), members("x5t", "B"), "a"},
		{"the thumbprint of both", members("x5t", "A"), members("x5t", "A"), members("x5t", "A"), "?"},
		{"the thumbprint of one that is for encryption", members("x5t", "B"), members("x5t", "A"), members("x5t", "B", "use", "enc"), ""},
		{"another thumbprint", members("x5t", "C"), members("x5t", "A"), members("x5t", "B"), ""},
		{"another case", members("x5t", "a"), members("x5t", "A"), members("x5t", "B"), ""},
		{"a thumbprint that is a number", members("x5t", 1), members("x5t", 1), members("x5t", "B", "use", "enc"), "a"}, // as if absent
		{"no thumbprint, and one that fits", members(), members(), members("use", "enc"), "a"},
		{"no thumbprint, and another for another algorithm", members(), members(), members("alg", "ES384"), "a"},
		{"no thumbprint, and another that is broken", members(), members(), members("x", zeros(32)), "a"},
		{"no thumbprint, and another that is for this algorithm", members(), members(), members("alg", "ES256"), "?"},
		{"no thumbprint, and two", members(), members("kid", "a"), members("kid", "b"), "?"},
		{"no thumbprint, and one key twice", members(), members("kid", "a"), nil, "a"},
		{"no thumbprint, and none that fits", members(), members("use", "enc"), members("alg", "ES384"), ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			keys := []any{jwk(t, a.Public(), "", test.a), jwk(t, ecKey(t, elliptic.P384()).Public(), "usable", nil)}
			if test.b == nil {
				keys = append(keys, jwk(t, a.Public(), "again", nil))
			} else {
				keys = append(keys, jwk(t, b.Public(), "", test.b))
			}
			codes := map[string]verifier.Code{"a": "", "b": verifier.CodeInvalidToken, "": verifier.CodeKeyNotFound, "?": verifier.CodeKeyNotFound}
			if test.want == "?" && test.header["x5t"] == nil {
				codes["?"] = verifier.CodeMissingKid
			}
			for i := range 2 { // whatever their order
				keys[0], keys[2] = keys[2], keys[0]
				config := issuer.Config()
				config.JWKS = keySet(t, keys...)
				v := newVerifier(t, config)
				if got, want := verdict(t, v, unnamed(issuer, a, test.header)), codes[test.want]; got != want {
					t.Errorf("order %d: code = %q, want %q", i, got, want)
				}
				// The other key is never tried.
				if claims, err := v.Verify(t.Context(), unnamed(issuer, b, test.header)); err == nil && test.want != "b" {
					t.Errorf("order %d: a token of the other key was accepted: %v", i, claims)
				}
			}
		})
	}
}

// Members of a header have no order.
func TestSHA256ThumbprintCountsWhereverItStands(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	a, b := ecKey(t, elliptic.P256()), ecKey(t, elliptic.P256())
	config := issuer.Config()
	config.JWKS = keySet(t, jwk(t, a.Public(), "a", map[string]any{"x5t#S256": "A"}), jwk(t, b.Public(), "b", map[string]any{"x5t": "B"}))
	v := newVerifier(t, config)
	for _, header := range []string{
		`{"alg":"ES256","x5t":"B","x5t#S256":"A"}`, `{"alg":"ES256","x5t#S256":"A","x5t":"B"}`,
	} {
		accept(t, v, issuer.Token(nil, verifiertest.WithRawHeader(header), verifiertest.WithKey(a)))
		refuse(t, v, issuer.Token(nil, verifiertest.WithRawHeader(header), verifiertest.WithKey(b)), verifier.CodeInvalidToken)
	}
}

func TestKeysWithoutAKidAreForTokensWithoutOne(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	key := ecKey(t, elliptic.P256())
	config := issuer.Config()
	config.JWKS = keySet(t, jwk(t, key.Public(), "", map[string]any{"kid": nil}))
	v := newVerifier(t, config)
	accept(t, v, unnamed(issuer, key, nil))
	refuse(t, v, issuer.Token(nil, verifiertest.WithKey(key)), verifier.CodeKeyNotFound)
}

// From then on either key could have signed it.
func TestUnnamedTokenDiesWhenASecondKeyFits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPatient()
		first, second := ecKey(t, elliptic.P256()), ecKey(t, elliptic.P256())
		one := string(keySet(t, jwk(t, first.Public(), "a", nil)))
		two := string(keySet(t, jwk(t, first.Public(), "a", nil), jwk(t, second.Public(), "b", nil)))
		p.suffer(answers(http.StatusOK, one))
		v := newVerifier(t, p.config())
		token := p.Token(map[string]any{"exp": time.Now().Add(time.Hour)},
			verifiertest.WithHeader("kid", nil), verifiertest.WithKey(first))
		accept(t, v, token)
		p.suffer(answers(http.StatusOK, two))
		time.Sleep(5 * time.Minute)
		refuse(t, v, token, verifier.CodeMissingKid)
		p.suffer(answers(http.StatusOK, one))
		time.Sleep(5 * time.Minute)
		accept(t, v, token)
	})
}

// The keys that fit an algorithm may be more than a name may have.
func TestUnnamedTokenIsRefusedAmongManyKeys(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	key := ecKey(t, elliptic.P256())
	for copies, want := range map[int]verifier.Code{16: "", 17: verifier.CodeMissingKid} {
		var keys []any
		for n := range copies {
			keys = append(keys, jwk(t, key.Public(), fmt.Sprint(n), nil))
		}
		config := issuer.Config()
		config.JWKS = keySet(t, keys...)
		if got := verdict(t, newVerifier(t, config), unnamed(issuer, key, nil)); got != want {
			t.Errorf("%d keys: code = %q, want %q", copies, got, want)
		}
	}
}

// Nothing more is fetched for them than for unknown kids, and out of the same budget.
func TestUnnamedTokensFetchNoMoreThanUnknownKids(t *testing.T) {
	t.Parallel()
	unlisted := func(p *patient, i int) string {
		return p.Token(nil, verifiertest.WithHeader("kid", nil), verifiertest.WithHeader("x5t", fmt.Sprint("unlisted-", i)))
	}
	unfit := func(p *patient, _ int) string {
		return p.Token(nil, verifiertest.WithHeader("kid", nil), verifiertest.WithHeader("alg", "ES384"))
	}
	for _, test := range []struct {
		name  string
		token func(p *patient, i int) string
		want  int
	}{
		{"by thumbprints that no key has", unlisted, 1 + 4 + 5},
		{"by an algorithm that no key fits", unfit, 1 + 1 + 5}, // it's one name, so one fetch a refill
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPatient()
				config := p.config()
				config.Algorithms = []string{"ES256", "ES384"}
				v := newVerifier(t, config)
				accept(t, v, p.Token(nil))
				start := time.Now()
				for i := 0; time.Since(start) < time.Minute; i++ {
					time.Sleep(50 * time.Millisecond)
					_ = judgedOrNot(t, v, test.token(p, i))
				}
				wantFetches(t, p, test.want)
			})
		})
	}
}

func TestUnnamedTokenOfANewKeyIsAcceptedAtFirstSight(t *testing.T) {
	t.Parallel()
	for name, header := range map[string]any{"by its thumbprint": "ES256-2", "by being the only one": nil} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, v, _ := warm(t)
				p.Rotate()
				accept(t, v, p.Token(nil, verifiertest.WithHeader("kid", nil), verifiertest.WithHeader("x5t", header)))
				wantFetches(t, p, 2)
			})
		})
	}
}

func TestThumbprintIsBoundedLikeAKid(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"x5t", "x5t#S256"} {
		issuer := verifiertest.NewIssuer()
		v := newVerifier(t, issuer.Config())
		token := func(size int) string {
			return issuer.Token(nil, verifiertest.WithHeader("kid", nil), verifiertest.WithHeader(name, strings.Repeat("t", size)))
		}
		refuse(t, v, token(513), verifier.CodeMalformedToken)
		if got := issuer.Fetches(); got != 0 {
			t.Errorf("%d fetches for an %s that is too long", got, name)
		}
		refuse(t, v, token(512), verifier.CodeKeyNotFound)
	}
}
