package interceptor_test

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

func TestMostSpecificRuleReplacesTheOthers(t *testing.T) {
	needs := func(scope string) interceptor.Rule {
		return interceptor.Rule{Require: verifier.Requirement{Scopes: []string{scope}}}
	}
	var decided interceptor.Decision
	auth := mustNew(t, acceptAll{},
		interceptor.WithObserver(func(_ context.Context, d interceptor.Decision) { decided = d }),
		interceptor.WithPolicy(interceptor.Policy{
			"/*":        needs("any"),
			"/a.S/*":    needs("service"),
			"/a.S/M":    needs("method"),
			"/a.S/Open": {},
		}))
	tests := []struct{ procedure, rule, scope string }{
		{"/a.S/M", "/a.S/M", "method"},
		{"/a.S/Other", "/a.S/*", "service"},
		{"/a.S/Open", "/a.S/Open", ""},
		{"/a.S/m", "/a.S/*", "service"},
		{"/a.s/M", "/*", "any"},
		{"/a.SX/M", "/*", "any"},
		{"/b.S/M", "/*", "any"},
	}
	for _, test := range tests {
		_, refusal := auth.Authenticate(t.Context(), withToken(test.procedure))
		if decided.Rule != test.rule {
			t.Errorf("%s: decided by %q, want %q", test.procedure, decided.Rule, test.rule)
		}
		if test.scope == "" {
			if refusal != nil {
				t.Errorf("%s: %v", test.procedure, refusal)
			}
			continue
		}
		if got := scopeOf(t, refusal); got != test.scope {
			t.Errorf("%s: scope = %q, want %q", test.procedure, got, test.scope)
		}
	}
}

func TestProcedureWithoutARuleNeedsAToken(t *testing.T) {
	auth := mustNew(t, acceptAll{}, interceptor.WithPolicy(interceptor.Policy{
		"/a.S/M": {Access: interceptor.AccessPublic},
	}))
	for _, procedure := range []string{
		"/a.S/N", "/grpc.health.v1.Health/Check", "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
	} {
		if _, refusal := auth.Authenticate(t.Context(), interceptor.Call{Procedure: procedure}); refusal == nil {
			t.Errorf("%s was admitted without a token", procedure)
		}
	}
}

func TestStringThatNamesNoProcedureIsAlwaysRefused(t *testing.T) {
	auth := mustNew(t, acceptAll{}, interceptor.WithPolicy(interceptor.Policy{
		"/*": {Access: interceptor.AccessPublic},
	}))
	for _, procedure := range []string{
		"", "/", "//", "a.S/M", "pkg.S/M", "/a.S", "/a.S/", "//M", "//a.S/M", "/a.S//M", "/a.S/M/", "/x/a.S/M", "/a.S/*", "/*", "*",
		"/a..S/M", "/.a/M", "/a./M", "/a.S/M?x", "/a.S/%4d", "/a.S/M ", " /a.S/M", "/a.S/M\x00", "/a.S/\u004d\u0301", "/../M", "/a.S/..",
	} {
		_, refusal := auth.Authenticate(t.Context(), withToken(procedure))
		if refusal == nil {
			t.Errorf("%q was admitted", procedure)
		} else if refusal.Code != interceptor.CodeInternal {
			t.Errorf("%q: code = %v, want Internal", procedure, refusal.Code)
		}
		if interceptor.IsProcedure(procedure) {
			t.Errorf("IsProcedure(%q) = true", procedure)
		}
	}
	if !interceptor.IsProcedure("/pkg.v1.Some_Service/Method-2") {
		t.Error("IsProcedure refuses a procedure")
	}
}

func TestAccessDecidesWhoNeedsAToken(t *testing.T) {
	refused := verifyFunc(func(string) (*verifier.Claims, error) {
		return nil, &verifier.AuthError{Code: verifier.CodeTokenExpired, Message: "the token has expired"}
	})
	const none, good, bad = "none", "good", "bad"
	tests := []struct {
		access  interceptor.Access
		sent    string
		admit   bool
		claimed bool
	}{
		{interceptor.AccessRequired, none, false, false},
		{interceptor.AccessRequired, good, true, true},
		{interceptor.AccessRequired, bad, false, false},
		{interceptor.AccessOptional, none, true, false},
		{interceptor.AccessOptional, good, true, true},
		{interceptor.AccessOptional, bad, false, false},
		{interceptor.AccessPublic, none, true, false},
		{interceptor.AccessPublic, good, true, false},
		{interceptor.AccessPublic, bad, true, false},
		{interceptor.AccessDenied, none, false, false},
		{interceptor.AccessDenied, good, false, false},
		{interceptor.AccessDenied, bad, false, false},
	}
	for _, test := range tests {
		var v interceptor.TokenVerifier = acceptAll{}
		call := withToken("/a.S/M")
		switch test.sent {
		case none:
			call.Authorization = nil
		case bad:
			v = refused
		}
		auth := mustNew(t, v, interceptor.WithPolicy(interceptor.Policy{"/a.S/M": {Access: test.access}}))
		admission, refusal := auth.Authenticate(t.Context(), call)
		if admitted := refusal == nil; admitted != test.admit {
			t.Errorf("access %v, %s token: admitted = %v, want %v", test.access, test.sent, admitted, test.admit)
			continue
		}
		if refusal != nil {
			continue
		}
		if _, claimed := interceptor.ClaimsFromContext(admission.Context()); claimed != test.claimed {
			t.Errorf("access %v, %s token: claims = %v, want %v", test.access, test.sent, claimed, test.claimed)
		}
	}
}

func TestOptionalProcedureRefusesBadCredentials(t *testing.T) {
	auth := mustNew(t, acceptAll{}, interceptor.WithPolicy(interceptor.Policy{
		"/a.S/M": {Access: interceptor.AccessOptional},
	}))
	for _, values := range [][]string{{""}, {"Basic eA"}, {"Bearer"}, {"Bearer a", "Bearer b"}} {
		_, refusal := auth.Authenticate(t.Context(), interceptor.Call{Procedure: "/a.S/M", Authorization: values})
		if refusal == nil {
			t.Errorf("%q was admitted as anonymous", values)
		}
	}
}

func TestRequireAndAllowSkipAnonymousCallers(t *testing.T) {
	auth := mustNew(t, acceptAll{}, interceptor.WithPolicy(interceptor.Policy{
		"/a.S/M": {
			Access:  interceptor.AccessOptional,
			Require: verifier.Requirement{Scopes: []string{"admin"}},
			Allow: func(context.Context, *verifier.Claims) error {
				t.Error("Allow ran for an anonymous caller")
				return nil
			},
		},
	}))
	admit(t.Context(), t, auth, interceptor.Call{Procedure: "/a.S/M"})
	if _, refusal := auth.Authenticate(t.Context(), withToken("/a.S/M")); refusal == nil {
		t.Error("a token without the scope was admitted")
	}
}

func TestDenialIsToldOnlyToCallersWithAValidToken(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	var decided interceptor.Decision
	auth := mustNew(t, verifierThatRequires(t, issuer, verifier.Requirement{}),
		interceptor.WithObserver(func(_ context.Context, d interceptor.Decision) { decided = d }),
		interceptor.WithPolicy(interceptor.Policy{
			"/*":     {Access: interceptor.AccessDenied},
			"/a.S/M": {},
		}))
	good, expired := issuer.Token(nil), issuer.Token(map[string]any{"exp": 1})
	tests := []struct {
		procedure string
		sent      []string
		reason    string
		challenge string
	}{
		{"/a.S/M", []string{"Bearer " + good}, "", ""},
		{"/a.S/Forgotten", nil, "MISSING_TOKEN", `Bearer realm="api"`},
		{"/a.S/Forgotten", []string{"Bearer " + expired}, "TOKEN_EXPIRED",
			`Bearer realm="api", error="invalid_token", error_description="the token has expired"`},
		{"/a.S/Forgotten", []string{"Bearer " + good}, "INSUFFICIENT_PERMISSIONS",
			`Bearer realm="api", error="insufficient_scope", error_description="the token lacks a required permission"`},
	}
	for _, test := range tests {
		_, refusal := auth.Authenticate(t.Context(), interceptor.Call{Procedure: test.procedure, Authorization: test.sent})
		if test.reason == "" {
			if refusal != nil {
				t.Errorf("%s: %v", test.procedure, refusal)
			}
			continue
		}
		if reasonOf(t, refusal) != test.reason || refusal.Challenge != test.challenge {
			t.Errorf("%s: %s %s, want %s %s", test.procedure, reasonOf(t, refusal), refusal.Challenge, test.reason, test.challenge)
		}
		if decided.Rule != "/*" {
			t.Errorf("decided by %q", decided.Rule)
		}
	}
	if decided.Err == nil || !strings.Contains(decided.Err.Error(), `the rule "/*" denies every caller`) {
		t.Errorf("the observer sees %v, want the rule", decided.Err)
	}
}

func TestAllowHasTheLastWord(t *testing.T) {
	tests := []struct {
		name   string
		err    error
		code   interceptor.Code
		reason string
	}{
		{"nil admits", nil, interceptor.CodeOK, ""},
		{"an AuthError stands as it is",
			&verifier.AuthError{Code: verifier.CodeInsufficientScope, Message: "m", Scopes: []string{"own"}},
			interceptor.CodePermissionDenied, "INSUFFICIENT_SCOPE"},
		{"a 401 AuthError stands, too",
			&verifier.AuthError{Code: verifier.CodeInvalidToken, Message: "m"},
			interceptor.CodeUnauthenticated, "INVALID_TOKEN"},
		{"any other error is a no", errors.New("secret detail"),
			interceptor.CodePermissionDenied, "INSUFFICIENT_PERMISSIONS"},
		{"its own outage is a no", &verifier.KeysError{Code: verifier.CodeJWKSError},
			interceptor.CodePermissionDenied, "INSUFFICIENT_PERMISSIONS"},
		{"its own context's error is a no", context.Canceled,
			interceptor.CodePermissionDenied, "INSUFFICIENT_PERMISSIONS"},
		{"a nil AuthError among others is a no", errors.Join((*verifier.AuthError)(nil)),
			interceptor.CodePermissionDenied, "INSUFFICIENT_PERMISSIONS"},
		{"a nil AuthError is a no", (*verifier.AuthError)(nil),
			interceptor.CodePermissionDenied, "INSUFFICIENT_PERMISSIONS"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			auth := mustNew(t, acceptAll{}, interceptor.WithPolicy(interceptor.Policy{
				"/a.S/M": {
					Require: verifier.Requirement{},
					Allow: func(_ context.Context, claims *verifier.Claims) error {
						if claims.Subject() != "user" {
							t.Errorf("Allow sees subject %q", claims.Subject())
						}
						return test.err
					},
				},
			}))
			_, refusal := auth.Authenticate(t.Context(), withToken("/a.S/M"))
			if test.err == nil {
				if refusal != nil {
					t.Error(refusal)
				}
				return
			}
			if got := reasonOf(t, refusal); refusal.Code != test.code || got != test.reason {
				t.Errorf("got %v %q, want %v %q", refusal.Code, got, test.code, test.reason)
			}
			if strings.Contains(refusal.Message+refusal.Challenge, "secret") {
				t.Errorf("the error's text reaches the caller: %v", refusal)
			}
		})
	}
}

func TestCallThatEndsWhileAllowRunsIsCanceled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	auth := mustNew(t, acceptAll{}, interceptor.WithPolicy(interceptor.Policy{
		"/a.S/M": {Allow: func(ctx context.Context, _ *verifier.Claims) error {
			cancel()
			return ctx.Err()
		}},
	}))
	if _, refusal := auth.Authenticate(ctx, withToken("/a.S/M")); refusal.Code != interceptor.CodeCanceled {
		t.Errorf("got %v, want Canceled", refusal)
	}
}

func TestOnlyTheObserverSeesAllowsError(t *testing.T) {
	reason := errors.New("the account is frozen")
	var log auditLog
	auth := mustNew(t, acceptAll{}, log.observer(), interceptor.WithPolicy(interceptor.Policy{
		"/a.S/M": {Allow: func(context.Context, *verifier.Claims) error { return reason }},
	}))
	_, refusal := auth.Authenticate(t.Context(), withToken("/a.S/M"))
	if !errors.Is(log[0].Err, reason) {
		t.Errorf("the observer saw %v, want the reason", log[0].Err)
	}
	if log[0].Code != interceptor.CodePermissionDenied {
		t.Errorf("code = %v, want permission_denied", log[0].Code)
	}
	if strings.Contains(refusal.Message, "frozen") {
		t.Errorf("message = %q", refusal.Message)
	}
}

func TestAllowsAuthErrorNamesOnlyItsOwnScopes(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	v := verifierThatRequires(t, issuer, verifier.Requirement{Scopes: []string{"base"}})
	auth := mustNew(t, v, interceptor.WithPolicy(interceptor.Policy{
		"/a.S/M": {Allow: func(context.Context, *verifier.Claims) error {
			return &verifier.AuthError{Code: verifier.CodeInsufficientScope, Message: "m", Scopes: []string{"own"}}
		}},
	}))
	_, refusal := auth.Authenticate(t.Context(), interceptor.Call{
		Procedure: "/a.S/M", Authorization: []string{"Bearer " + issuer.Token(map[string]any{"scope": "base"})},
	})
	if got := scopeOf(t, refusal); got != "own" {
		t.Errorf("scope = %q, want own", got)
	}
}

func TestPanicInAllowPropagates(t *testing.T) {
	auth := mustNew(t, acceptAll{}, interceptor.WithPolicy(interceptor.Policy{
		"/a.S/M": {Allow: func(context.Context, *verifier.Claims) error { panic("mine") }},
	}))
	defer func() {
		if p := recover(); p != "mine" {
			t.Errorf("recovered %v, want the panic", p)
		}
	}()
	_, _ = auth.Authenticate(t.Context(), withToken("/a.S/M"))
	t.Error("Authenticate returned")
}

func TestNewCopiesThePolicy(t *testing.T) {
	scopes := []string{"admin"}
	policy := interceptor.Policy{"/a.S/M": {Require: verifier.Requirement{Scopes: scopes}}}
	auth := mustNew(t, acceptAll{}, interceptor.WithPolicy(policy))
	scopes[0] = "none"
	policy["/a.S/M"] = interceptor.Rule{Access: interceptor.AccessPublic}
	_, refusal := auth.Authenticate(t.Context(), withToken("/a.S/M"))
	if got := scopeOf(t, refusal); got != "admin" {
		t.Errorf("scope = %q, want admin", got)
	}
}

func TestNewNamesTheKeyOfABadRule(t *testing.T) {
	scope := verifier.Requirement{Scopes: []string{"s"}}
	tests := []struct {
		key  string
		rule interceptor.Rule
	}{
		{"", interceptor.Rule{}},
		{"*", interceptor.Rule{}},
		{"/", interceptor.Rule{}},
		{"a.S/M", interceptor.Rule{}},
		{"/a.S", interceptor.Rule{}},
		{"/a.S/", interceptor.Rule{}},
		{"/a.S/M/", interceptor.Rule{}},
		{"//M", interceptor.Rule{}},
		{"/*/M", interceptor.Rule{}},
		{"/a.*/M", interceptor.Rule{}},
		{"/a.S/Get*", interceptor.Rule{}},
		{"/a S/M", interceptor.Rule{}},
		{"/a.S/M\n", interceptor.Rule{}},
		{"/a.S/M", interceptor.Rule{Access: interceptor.AccessPublic, Require: scope}},
		{"/a.S/P", interceptor.Rule{Access: interceptor.AccessPublic, Require: verifier.Requirement{Permissions: []string{"p"}}}},
		{"/a.S/A", interceptor.Rule{Access: interceptor.AccessPublic, Allow: func(context.Context, *verifier.Claims) error { return nil }}},
		{"/a.S/N", interceptor.Rule{Access: -1}},
		{"/a.S/X", interceptor.Rule{Access: interceptor.AccessDenied + 1}},
		{"/a.S/D", interceptor.Rule{Access: interceptor.AccessDenied, Require: scope}},
		{"/a.S/W", interceptor.Rule{Access: interceptor.AccessDenied, Allow: func(context.Context, *verifier.Claims) error { return nil }}},
		{"/a.S/Q", interceptor.Rule{Require: verifier.Requirement{Scopes: []string{`quo"te`}}}},
		{"/a.S/L", interceptor.Rule{Require: verifier.Requirement{Scopes: []string{"two words"}}}},
		{"/a.S/R", interceptor.Rule{Require: verifier.Requirement{Scopes: []string{"cr\r\nlf"}}}},
		{"/a.S/E", interceptor.Rule{Require: verifier.Requirement{Scopes: []string{""}}}},
		{"/a.S/F", interceptor.Rule{Require: verifier.Requirement{Permissions: []string{""}}}},
		{"/a.S/G", interceptor.Rule{Access: interceptor.AccessPublic, Require: verifier.Requirement{AnyScopes: []string{"s"}}}},
		{"/a.S/H", interceptor.Rule{Access: interceptor.AccessPublic, Require: verifier.Requirement{ACRValues: []string{"s"}}}},
		{"/a.S/I", interceptor.Rule{Access: interceptor.AccessPublic, Require: verifier.Requirement{MaxAge: time.Second}}},
	}
	for _, test := range tests {
		_, err := interceptor.New(acceptAll{}, interceptor.WithPolicy(interceptor.Policy{test.key: test.rule}))
		if err == nil {
			t.Errorf("Policy[%q] was accepted", test.key)
		} else if quoted := "Policy["; !strings.Contains(err.Error(), quoted) {
			t.Errorf("Policy[%q]: the error %q does not name the key", test.key, err)
		}
	}
}

// FuzzPolicyKey compares keys and procedures with their grammar, as a regular
// expression writes it. A key opens what it names, and nothing else.
func FuzzPolicyKey(f *testing.F) {
	for _, seed := range []string{
		"/*", "/a.S/*", "/a.S/M", "/a.S/m", "/a.S", "/a.S/", "//", "//a.S/M", "/a.S//M", "/a/b/c", "a.S/M", "*", "", "/*/M", "/a.*/M",
		"/a..S/M", "/a.S/%4d", "/a.S/M?x", "/a.S/M\x00", "/a.S/\u017f", "/a.S/..",
	} {
		f.Add(seed, "/a.S/M")
		f.Add("/a.S/*", seed)
	}
	const name = `[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*`
	procedures := regexp.MustCompile(`^/` + name + `/` + name + `$`)
	keys := regexp.MustCompile(`^(/` + name + `/(` + name + `|\*)|/\*)$`)
	f.Fuzz(func(t *testing.T, key, procedure string) {
		auth, err := interceptor.New(acceptAll{}, interceptor.WithPolicy(interceptor.Policy{key: {Access: interceptor.AccessPublic}}))
		if taken := err == nil; taken != keys.MatchString(key) {
			t.Errorf("the key %q: %v", key, err)
		}
		if err != nil {
			return
		}
		_, refusal := auth.Authenticate(t.Context(), interceptor.Call{Procedure: procedure})
		service, isWildcard := strings.CutSuffix(key, "/*")
		covered := key == procedure || isWildcard && strings.HasPrefix(procedure, service+"/")
		if opened, want := refusal == nil, covered && procedures.MatchString(procedure); opened != want {
			t.Errorf("the key %q: opened %q = %v, want %v", key, procedure, opened, want)
		}
	})
}

func TestCheckPolicyReportsForgottenProceduresAndMisspeltKeys(t *testing.T) {
	procedures := []string{"/a.S/List", "/a.S/Delete", "/b.S/Get", "/b.S/Get"}
	complete := func(change func(interceptor.Policy)) interceptor.Policy {
		policy := interceptor.Policy{"/a.S/List": {}, "/a.S/Delete": {}, "/b.S/Get": {Access: interceptor.AccessPublic}}
		change(policy)
		return policy
	}
	tests := []struct {
		name   string
		change func(interceptor.Policy)
		want   []string
	}{
		{"complete", func(interceptor.Policy) {}, nil},
		{"complete, with wildcards", func(p interceptor.Policy) {
			p["/*"], p["/a.S/*"] = interceptor.Rule{Access: interceptor.AccessDenied}, interceptor.Rule{}
		}, nil},
		{"a rule is missing", func(p interceptor.Policy) { delete(p, "/a.S/Delete") },
			[]string{`interceptor: Policy has no rule "/a.S/Delete"`}},
		{"a wildcard is no explicit rule", func(p interceptor.Policy) {
			delete(p, "/a.S/Delete")
			p["/*"], p["/a.S/*"] = interceptor.Rule{}, interceptor.Rule{}
		}, []string{`interceptor: Policy has no rule "/a.S/Delete"`}},
		{"a procedure is misspelt", func(p interceptor.Policy) {
			delete(p, "/a.S/Delete")
			p["/a.S/delete"] = interceptor.Rule{}
		}, []string{`interceptor: Policy has no rule "/a.S/Delete"`, `interceptor: Policy["/a.S/delete"] matches no procedure`}},
		{"a service is misspelt", func(p interceptor.Policy) { p["/a.s/*"] = interceptor.Rule{} },
			[]string{`interceptor: Policy["/a.s/*"] matches no procedure`}},
		{"several at once, in order", func(p interceptor.Policy) {
			clear(p)
			p["/z.S/*"], p["/z.S/M"], p["/y.S/M"] = interceptor.Rule{}, interceptor.Rule{}, interceptor.Rule{}
		}, []string{
			`interceptor: Policy has no rule "/a.S/Delete"`,
			`interceptor: Policy has no rule "/a.S/List"`,
			`interceptor: Policy has no rule "/b.S/Get"`,
			`interceptor: Policy["/y.S/M"] matches no procedure`,
			`interceptor: Policy["/z.S/M"] matches no procedure`,
			`interceptor: Policy["/z.S/*"] matches no procedure`,
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			auth := mustNew(t, acceptAll{}, interceptor.WithPolicy(complete(test.change)))
			got := ""
			if err := auth.CheckPolicy(procedures); err != nil {
				got = err.Error()
			}
			if want := strings.Join(test.want, "\n"); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func TestCheckPolicyFailsWithoutProceduresOrPolicy(t *testing.T) {
	auth := mustNew(t, acceptAll{})
	if err := auth.CheckPolicy(nil); err == nil {
		t.Error("a server without procedures passes the check")
	}
	if err := auth.CheckPolicy([]string{"/a.S/M"}); err == nil {
		t.Error("an Authenticator without a policy passes the check")
	}
	if err := auth.CheckPolicy([]string{"nonsense"}); err == nil {
		t.Error("a string that names no procedure passes the check")
	}
}

func TestRuleAllocatesNothing(t *testing.T) {
	claims := claimsOf(map[string]any{
		"scope": "a b", "permissions": []string{"p"}, "acr": "mfa", "auth_time": time.Now().Unix(),
	})
	v := verifyFunc(func(string) (*verifier.Claims, error) { return claims, nil })
	allocations := func(policy interceptor.Policy) float64 {
		auth := mustNew(t, v, interceptor.WithPolicy(policy))
		return testing.AllocsPerRun(100, func() {
			if _, refusal := auth.Authenticate(t.Context(), withToken("/pkg.v1.Service/Method")); refusal != nil {
				t.Fatal(refusal)
			}
		})
	}
	rule := interceptor.Rule{Require: verifier.Requirement{
		Scopes: []string{"a", "b"}, AnyScopes: []string{"c", "b"}, Permissions: []string{"p"},
		ACRValues: []string{"key", "mfa"}, MaxAge: time.Hour,
	}}
	without := allocations(nil)
	for _, key := range []string{"/pkg.v1.Service/Method", "/pkg.v1.Service/*", "/*"} {
		if with := allocations(interceptor.Policy{key: rule}); with != without {
			t.Errorf("%s: %v allocations, want the %v of no rule", key, with, without)
		}
	}
}

// Verification costs nothing here. Compare with "no policy" to see what a rule costs.
func BenchmarkRule(b *testing.B) {
	const procedure = "/orders.v1.OrderService/DeleteOrder"
	claims := claimsOf(map[string]any{
		"scope": "openid orders:read orders:write", "permissions": []string{"a", "b", "delete"}, "acr": "mfa", "auth_time": time.Now().Unix(),
	})
	v := verifyFunc(func(string) (*verifier.Claims, error) { return claims, nil })
	full := verifier.Requirement{
		Scopes: []string{"orders:read", "orders:write"}, AnyScopes: []string{"admin", "orders:write"},
		Permissions: []string{"delete"}, ACRValues: []string{"key", "mfa"},
	}
	withMaxAge := full
	withMaxAge.MaxAge = time.Hour
	for _, bench := range []struct {
		name   string
		policy interceptor.Policy
	}{
		{"no policy", nil},
		{"its own rule", interceptor.Policy{procedure: {}}},
		{"its service's rule", interceptor.Policy{"/orders.v1.OrderService/*": {}}},
		{"the rule for every procedure", interceptor.Policy{"/*": {}}},
		{"no rule", interceptor.Policy{"/orders.v1.OrderService/Other": {}}},
		{"one scope", interceptor.Policy{procedure: {Require: verifier.Requirement{Scopes: []string{"orders:write"}}}}},
		{"all requirements but MaxAge", interceptor.Policy{procedure: {Require: full}}},
		{"all requirements", interceptor.Policy{procedure: {Require: withMaxAge}}},
		{"Allow", interceptor.Policy{procedure: {Allow: func(context.Context, *verifier.Claims) error { return nil }}}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			auth := mustNew(b, v, interceptor.WithPolicy(bench.policy))
			call := withToken(procedure)
			ctx := b.Context()
			b.ReportAllocs()
			for b.Loop() {
				if _, refusal := auth.Authenticate(ctx, call); refusal != nil {
					b.Fatal(refusal)
				}
			}
		})
	}
}

func TestCheckRuleFindsNamesThatNoRuleAppliesTo(t *testing.T) {
	open := mustNew(t, acceptAll{})
	ruled := mustNew(t, acceptAll{}, interceptor.WithPolicy(interceptor.Policy{"/a.S/M": {}, "/a.T/*": {}}))
	closed := mustNew(t, acceptAll{}, interceptor.WithPolicy(interceptor.Policy{"/*": {Access: interceptor.AccessDenied}}))
	for _, test := range []struct {
		auth *interceptor.Authenticator
		name string
		want string
	}{
		{open, "/a.S/M", ""},
		{open, "/a.S", `interceptor: the rule "/a.S" must be of the form "/service/method"`},
		{open, "", `interceptor: the rule "" must be of the form "/service/method"`},
		{ruled, "/a.S/M", ""},
		{ruled, "/a.T/Any", ""},
		{ruled, "/a.S/m", `interceptor: Policy has no rule "/a.S/m"`},
		{ruled, "/a.T/*", `interceptor: the rule "/a.T/*" must be of the form "/service/method"`},
		{closed, "/a.S/M", ""},
		{closed, "/*", `interceptor: the rule "/*" must be of the form "/service/method"`},
	} {
		got := ""
		if err := test.auth.CheckRule(test.name); err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%q: got %q, want %q", test.name, got, test.want)
		}
	}
}
