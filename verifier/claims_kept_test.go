package verifier_test

import (
	"reflect"
	"runtime"
	"strings"
	"testing"
	"unsafe"
	"weak"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// A handler that assigns to the Claims it was given changes nothing for other calls, and makes
// no one else of its caller.
func TestAssignmentToClaimsReachesNoOtherCall(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	config := issuer.Config()
	d := &directory{}
	d.add(config)
	for kind, v := range map[string]tokenVerifier{
		"Verifier": newVerifier(t, config), "Multi": newMulti(t, config), "Dynamic": newDynamic(t, 1, d),
	} {
		tokens := map[string]string{"alice": issuer.Token(map[string]any{"sub": "alice"}), "root": issuer.Token(map[string]any{"sub": "root", "scope": "admin"})}
		claims := make(map[string]*verifier.Claims)
		for subject, token := range tokens {
			var err error
			if claims[subject], err = v.Verify(t.Context(), token); err != nil {
				t.Fatal(err)
			}
		}
		*claims["alice"] = *claims["root"]
		if alice := claims["alice"]; alice.Subject() == "root" || alice.HasScope("admin") || !alice.IsZero() {
			t.Errorf("%s: the assignment made a root of alice", kind)
		}
		if err := (verifier.Requirement{}).Check(claims["alice"]); verifier.CodeOf(err) != verifier.CodeMissingToken {
			t.Errorf("%s: Check: %v, want Claims that were assigned to be refused", kind, err)
		}
		*claims["root"] = verifier.Claims{}
		for range 2 {
			for subject, token := range tokens {
				again, err := v.Verify(t.Context(), token)
				if err != nil || again.Subject() != subject || again.HasScope("admin") != (subject == "root") {
					t.Errorf("%s: Verify = %v, %v, want the claims of %s", kind, again, err, subject)
				}
			}
		}
	}
}

type tokenVerifier = interceptor.TokenVerifier

func TestACopyOfClaimsSaysNothing(t *testing.T) {
	t.Parallel()
	claims := verifiertest.Claims(map[string]any{"scope": "read", "permissions": "write", "nbf": 1, "auth_time": 1, "acr": "a", "azp": "b"})
	copied := *claims
	for name, c := range map[string]*verifier.Claims{"a copy": &copied, "zero": {}, "nil": nil} {
		for what, said := range map[string]any{
			"Issuer": c.Issuer(), "Subject": c.Subject(), "ClientID": c.ClientID(), "ID": c.ID(), "ACR": c.ACR(),
			"Audience": c.Audience(), "Scopes": c.Scopes(), "Permissions": c.Permissions(),
			"HasScope": c.HasScope("read"), "HasPermission": c.HasPermission("write"), "Expiry": c.Expiry(),
			"NotBefore": c.NotBefore(), "IssuedAt": c.IssuedAt(), "AuthTime": c.AuthTime(), "ValidUntil": c.ValidUntil(),
		} {
			if !reflect.ValueOf(said).IsZero() {
				t.Errorf("%s of claims: %s = %v, want nothing", name, what, said)
			}
		}
		if !c.IsZero() {
			t.Errorf("%s of claims is not zero", name)
		}
		var decoded map[string]any
		if err := c.Decode(&decoded); err == nil || len(decoded) > 0 {
			t.Errorf("%s of claims decodes to %v", name, decoded)
		}
	}
	if claims.IsZero() || claims.Subject() != "user" {
		t.Error("the claims themselves say nothing any more")
	}
}

// Claims may be kept for long, as in a session. They hold what they say and nothing else.
func TestKeptClaimsKeepNeitherVerifierNorToken(t *testing.T) {
	t.Parallel()
	for _, remembered := range []int{0, -1} {
		claims, v, token := verifyOnce(t, remembered)
		for n := 0; v.Value() != nil || token.Value() != nil; n++ {
			if n == 100 {
				t.Fatalf("TokenCacheSize %d: the verifier is kept: %v, and the token: %v",
					remembered, v.Value() != nil, token.Value() != nil)
			}
			runtime.GC()
		}
		if claims.Subject() != "user" || !claims.HasScope("read") || claims.ValidUntil().IsZero() {
			t.Error("the claims are gone, too")
		}
	}
}

// verifyOnce has nothing but the claims when it returns.
func verifyOnce(t *testing.T, remembered int) (*verifier.Claims, weak.Pointer[verifier.Verifier], weak.Pointer[byte]) {
	t.Helper()
	issuer := verifiertest.NewIssuer()
	config := issuer.Config()
	config.TokenCacheSize = remembered
	v := newVerifier(t, config)
	token := issuer.Token(map[string]any{"scope": "read", "groups": strings.Repeat("g", 4000)})
	return accept(t, v, token), weak.Make(v), weak.Make(unsafe.StringData(token))
}

// A token is often part of a larger text, such as a request's header.
func TestRememberedTokenKeepsNothingThatItWasPartOf(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	v := newVerifier(t, issuer.Config())
	verifyPart := func() (*verifier.Claims, weak.Pointer[byte]) {
		large := strings.Repeat("x", 1<<20) + issuer.Token(nil)
		return accept(t, v, large[1<<20:]), weak.Make(unsafe.StringData(large))
	}
	claims, large := verifyPart()
	for n := 0; large.Value() != nil; n++ {
		if n == 100 {
			t.Fatal("a megabyte is kept for one token")
		}
		runtime.GC()
	}
	runtime.KeepAlive(claims)
	runtime.KeepAlive(v)
}
