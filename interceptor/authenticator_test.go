package interceptor_test

import (
	"strings"
	"testing"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
)

func TestNewRefusesANilVerifier(t *testing.T) {
	var none *verifier.Verifier
	for _, v := range []interceptor.TokenVerifier{nil, none, verifyFunc(nil)} {
		if auth, err := interceptor.New(v); err == nil || auth != nil {
			t.Errorf("New(%#v) = %v, %v; want an error", v, auth, err)
		}
	}
}

func TestNewRefusesANilOption(t *testing.T) {
	if auth, err := interceptor.New(acceptAll{}, nil); err == nil || auth != nil {
		t.Errorf("New = %v, %v; want an error", auth, err)
	}
}

func TestNewRefusesARealmThatAFieldCannotCarry(t *testing.T) {
	for _, realm := range []string{"a\r\nb", "a\x00", "caf\u00e9", "\x7f"} {
		if _, err := interceptor.New(acceptAll{}, interceptor.WithRealm(realm)); err == nil {
			t.Errorf("WithRealm(%q) was accepted", realm)
		} else if !strings.Contains(err.Error(), "WithRealm") {
			t.Errorf("the error %q does not name WithRealm", err)
		}
	}
}

func TestNewRefusesASecondPolicy(t *testing.T) {
	policy := interceptor.WithPolicy(interceptor.Policy{})
	if _, err := interceptor.New(acceptAll{}, policy, policy); err == nil {
		t.Error("the first policy was dropped in silence")
	}
}

func TestChallengesNameTheRealm(t *testing.T) {
	for realm, want := range map[string]string{
		"":        `Bearer realm="api"`,
		"orders":  `Bearer realm="orders"`,
		`a"b\c`:   `Bearer realm="a\"b\\c"`,
		"x, y=\"": `Bearer realm="x, y=\""`,
	} {
		auth := mustNew(t, acceptAll{}, interceptor.WithRealm(realm))
		_, refusal := auth.Authenticate(t.Context(), interceptor.Call{Procedure: "/a.S/M"})
		if refusal.Challenge != want {
			t.Errorf("realm %q: challenge = %s, want %s", realm, refusal.Challenge, want)
		}
	}
}

func TestZeroAuthenticatorRefusesEveryCall(t *testing.T) {
	var auth interceptor.Authenticator
	_, refusal := auth.Authenticate(t.Context(), withToken("/a.S/M"))
	if refusal == nil || refusal.Code != interceptor.CodeInternal {
		t.Errorf("got %v, want Internal", refusal)
	}
	if _, refusal := auth.AuthenticateStream(t.Context(), withToken("/a.S/M"), nil); refusal == nil {
		t.Error("a stream was admitted")
	}
}
