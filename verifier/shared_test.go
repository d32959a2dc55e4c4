package verifier_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// verifiersOf returns a Multi and a Dynamic of the same issuers.
func verifiersOf(t testing.TB, configs ...verifier.Config) map[string]interceptor.TokenVerifier {
	t.Helper()
	d := &directory{}
	d.add(configs...)
	return map[string]interceptor.TokenVerifier{
		"Multi": newMulti(t, configs...), "Dynamic": newDynamic(t, len(configs), d),
	}
}

func mustAccept(t testing.TB, v interceptor.TokenVerifier, token string) *verifier.Claims {
	t.Helper()
	claims, err := v.Verify(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	return claims
}

// Another issuer lists the same key under the same name. That's of no help.
func TestARememberedTokenDiesWithItsOwnIssuersKey(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newPatientAt("https://a.test")
		other := offline(a.Issuer)
		other.Issuer = "https://b.test"
		verifiers := verifiersOf(t, a.config(), other)
		token, otherToken := lasting(a.Issuer), a.Token(map[string]any{
			"iss": other.Issuer, "exp": time.Now().Add(time.Hour).Unix(),
		})
		for _, v := range verifiers {
			mustAccept(t, v, token)
			mustAccept(t, v, otherToken)
		}
		a.Rotate()
		time.Sleep(time.Minute)
		for kind, v := range verifiers {
			wantCode(t, v, a.Token(nil), "") // the new key is learned
			if _, err := v.Verify(t.Context(), token); verifier.CodeOf(err) != verifier.CodeKeyNotFound {
				t.Errorf("%s: Verify: %v, want code %q", kind, err, verifier.CodeKeyNotFound)
			}
			wantCode(t, v, otherToken, "")
		}
	})
}

// One issuer's tokens are as many as its own limit, however many they are.
func TestAnIssuerEvictsNoTokensOfAnother(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	busy, quiet := offline(issuer), offline(issuer)
	busy.Issuer, quiet.Issuer = "https://busy.test", "https://quiet.test"
	busy.TokenCacheSize, quiet.TokenCacheSize = 2, 2
	for kind, v := range verifiersOf(t, busy, quiet) {
		tokens := make([]string, 2)
		claims := make([]*verifier.Claims, 2)
		for i := range tokens {
			tokens[i] = issuer.Token(map[string]any{"iss": quiet.Issuer, "sub": fmt.Sprint(i)})
			claims[i] = mustAccept(t, v, tokens[i])
		}
		for i := range 1000 {
			mustAccept(t, v, issuer.Token(map[string]any{"iss": busy.Issuer, "sub": fmt.Sprint(i)}))
		}
		for i := range tokens {
			if mustAccept(t, v, tokens[i]) != claims[i] {
				t.Errorf("%s: token %d was evicted", kind, i)
			}
		}
	}
}

// Whatever the earlier configuration has accepted is judged again by the new one.
func TestARememberedTokenIsJudgedByTheLatestConfiguration(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		change func(*verifier.Config)
		want   verifier.Code
	}{
		{"another audience", func(c *verifier.Config) { c.Audiences = []string{"another"} }, verifier.CodeInvalidAudience},
		{"other keys", func(c *verifier.Config) { c.JWKS = verifiertest.NewIssuer().JWKS() }, verifier.CodeInvalidToken},
		{"another algorithm", func(c *verifier.Config) { c.Algorithms = []string{"EdDSA"} }, verifier.CodeDisallowedAlg},
		{"a shorter life", func(c *verifier.Config) { c.MaxLifetime = time.Minute }, verifier.CodeInvalidToken},
		{"a shorter token", func(c *verifier.Config) { c.MaxTokenBytes = 100 }, verifier.CodeMalformedToken},
		{"a scope", func(c *verifier.Config) { c.Require.Scopes = []string{"admin"} }, verifier.CodeInsufficientScope},
		{"nothing", func(*verifier.Config) {}, ""},
	} {
		for how, forget := range map[string]bool{"after five minutes": false, "after Forget": true} {
			t.Run(test.name+" "+how, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					issuer := verifiertest.NewIssuer()
					d := &directory{}
					config := offline(issuer)
					d.add(config)
					v := newDynamic(t, 10, d)
					token := issuer.Token(map[string]any{"exp": time.Now().Add(time.Hour).Unix()})
					for range 2 {
						mustAccept(t, v, token)
					}
					test.change(&config)
					d.add(config)
					if forget {
						v.Forget(issuer.URL())
					} else {
						time.Sleep(5 * time.Minute)
					}
					for range 2 {
						wantCode(t, v, token, test.want)
					}
				})
			})
		}
	}
}

func TestAMultiJudgesTheTokensItRemembersAndThoseThatNameItsIssuers(t *testing.T) {
	t.Parallel()
	a, b := newPatientAt("https://a.test"), newPatientAt("https://b.test")
	v := newMulti(t, a.config())
	token := a.Token(nil)
	for range 2 {
		if !v.Judges(token) || v.Judges(b.Token(nil)) || v.Judges("") || v.Judges("a.b.c") {
			t.Error("it judges another's tokens, or not its own")
		}
		mustAccept(t, v, token)
	}
	var zero verifier.Multi
	if zero.Judges(token) {
		t.Error("the zero Multi judges a token")
	}
}
