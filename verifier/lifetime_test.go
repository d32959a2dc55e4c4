package verifier_test

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

func TestMaxLifetimeRefusesTokensThatLiveLonger(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		issuer := verifiertest.NewIssuer()
		config := offline(issuer)
		config.MaxLifetime, config.Leeway = time.Hour, 30*time.Second
		v := newVerifier(t, config)
		at := func(d time.Duration) int64 { return time.Now().Add(d).Unix() }
		tests := []struct {
			name     string
			iat, exp any
			want     verifier.Code
		}{
			{"exactly as long", at(0), at(time.Hour), ""},
			{"a second longer", at(-time.Second), at(time.Hour), verifier.CodeInvalidToken},
			{"longer, and nearly over", at(-2 * time.Hour), at(time.Minute), verifier.CodeInvalidToken},
			{"no iat", nil, at(time.Hour), verifier.CodeMissingClaim},
			{"an iat that is no number", "now", at(time.Hour), verifier.CodeMissingClaim},
			{"an iat by a clock ahead", at(30 * time.Second), at(time.Hour + 30*time.Second), ""},
			{"an iat in the future", at(31 * time.Second), at(time.Hour + 31*time.Second), verifier.CodeInvalidToken},
		}
		for _, test := range tests {
			got := verdict(t, v, issuer.Token(object{"iat": test.iat, "exp": test.exp}))
			if got != test.want {
				t.Errorf("%s: code = %q, want %q", test.name, got, test.want)
			}
		}
	})
}

func TestAnyLifetimeIsAcceptedByDefault(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	v := newVerifier(t, offline(issuer))
	accept(t, v, issuer.Token(object{"iat": nil, "exp": time.Now().AddDate(10, 0, 0).Unix()}))
}

func TestMaxLifetimeMayBeTheLongestDuration(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	config := offline(issuer)
	config.MaxLifetime = math.MaxInt64
	accept(t, newVerifier(t, config), issuer.Token(nil))
}

func TestTypesReplaceTheDefaultTypes(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	config := offline(issuer)
	config.Types = []string{"vault+jwt", "application/other+JWT"}
	v := newVerifier(t, config)
	for typ, accepted := range map[any]bool{
		"vault+jwt": true, "VAULT+jwt": true, "application/vault+jwt": true, "other+jwt": true,
		"application/other+jwt": true, "JWT": false, "at+jwt": false, "": false, nil: false,
		"vault": false, "application/": false, "application/application/vault+jwt": false,
	} {
		got := verdict(t, v, issuer.Token(nil, verifiertest.WithHeader("typ", typ)))
		if (got == "") != accepted || !accepted && got != verifier.CodeInvalidToken {
			t.Errorf("typ %v: code = %q, want acceptance: %v", typ, got, accepted)
		}
	}
}
