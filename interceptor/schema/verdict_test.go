package schema_test

import (
	"strings"
	"testing"
	"time"

	"github.com/oidcrpc/oidcrpc/connectauth"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/interceptor/schema"
	"github.com/oidcrpc/oidcrpc/interceptor/schema/policyv1"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

const greetService = "/greet.v1.GreetService/"

func TestSchemaReachesTheVerdictsOfTheSameGoPolicy(t *testing.T) {
	tests := []struct {
		name    string
		written interceptor.Policy
		options service
	}{
		{
			"every kind of requirement, each on a method",
			interceptor.Policy{
				greetService + "Greet":    needs(verifier.Requirement{Scopes: []string{"read", "write"}}),
				greetService + "Watch":    needs(verifier.Requirement{AnyScopes: []string{"read", "write"}}),
				greetService + "Collect":  needs(verifier.Requirement{Permissions: []string{"collect"}}),
				greetService + "Converse": needs(verifier.Requirement{ACRValues: []string{"gold", "silver"}, MaxAge: time.Hour}),
			},
			service{methods: map[string]*policyv1.Rule{
				"Greet":    scopes("read", "write"),
				"Watch":    {AnyScopes: []string{"read", "write"}},
				"Collect":  {Permissions: []string{"collect"}},
				"Converse": {AcrValues: []string{"gold", "silver"}, MaxAge: seconds(3600)},
			}},
		},
		{
			"every access, and a service",
			interceptor.Policy{
				greetService + "*":       needs(verifier.Requirement{Scopes: []string{"read"}}),
				greetService + "Greet":   {Access: interceptor.AccessPublic},
				greetService + "Watch":   {Access: interceptor.AccessOptional, Require: verifier.Requirement{Scopes: []string{"write"}}},
				greetService + "Collect": {},
			},
			service{
				option: scopes("read"),
				methods: map[string]*policyv1.Rule{
					"Greet":   {Access: public},
					"Watch":   {Access: optional, Scopes: []string{"write"}},
					"Collect": {Access: required},
				},
			},
		},
		{
			"a public service",
			interceptor.Policy{
				greetService + "*":     {Access: interceptor.AccessPublic},
				greetService + "Watch": needs(verifier.Requirement{MaxAge: time.Hour}),
			},
			service{
				option:  &policyv1.Rule{Access: public},
				methods: map[string]*policyv1.Rule{"Watch": {MaxAge: seconds(3600)}},
			},
		},
		{
			"a closed service",
			interceptor.Policy{greetService + "*": {Access: interceptor.AccessDenied}, greetService + "Watch": {}},
			service{
				option:  &policyv1.Rule{Access: denied},
				methods: map[string]*policyv1.Rule{"Watch": {Access: required}},
			},
		},
		{"no rule at all", nil, service{}},
	}
	issuer := verifiertest.NewIssuer()
	tokens := tokensOf(issuer)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			read, err := schema.Policy(nil, greetWith(t, test.options))
			if err != nil {
				t.Fatal(err)
			}
			written := clients(t, newAuth(t, issuer, test.written))
			seen := make(map[string]bool)
			for stack, client := range clients(t, newAuth(t, issuer, read)) {
				for _, method := range methods {
					for name, token := range tokens {
						got := client.verdict(t.Context(), method, token)
						want := written[stack].verdict(t.Context(), method, token)
						if got != want {
							t.Errorf("%s, %s, %s: %q, want %q", stack, method, name, got, want)
						}
						code, _, _ := strings.Cut(got, " ")
						seen[code] = true
					}
				}
			}
			if !seen["ok"] || !seen["unauthenticated"] || len(seen) > 3 {
				t.Errorf("the verdicts are %v", seen)
			}
		})
	}
}

func tokensOf(issuer *verifiertest.Issuer) map[string]string {
	now := time.Now()
	return map[string]string{
		"no token":           "",
		"an expired token":   issuer.Token(map[string]any{"exp": now.Add(-time.Hour).Unix()}),
		"a plain token":      issuer.Token(nil),
		"one scope":          issuer.Token(map[string]any{"scope": "write"}),
		"both scopes":        issuer.Token(map[string]any{"scope": "read write"}),
		"the permission":     issuer.Token(map[string]any{"permissions": []string{"collect"}}),
		"a class, long ago":  issuer.Token(map[string]any{"acr": "silver", "auth_time": now.Add(-2 * time.Hour).Unix()}),
		"a class, just now":  issuer.Token(map[string]any{"acr": "silver", "auth_time": now.Unix()}),
		"another, just now":  issuer.Token(map[string]any{"acr": "bronze", "auth_time": now.Unix()}),
		"everything at once": issuer.Token(map[string]any{"scope": "read write", "permissions": []string{"collect"}, "acr": "gold", "auth_time": now.Unix()}),
	}
}

func TestRPCThatLosesItsOptionNeedsOnlyAValidToken(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	good, expired := issuer.Token(nil), issuer.Token(map[string]any{"exp": time.Now().Add(-time.Hour).Unix()})
	before := map[string]*policyv1.Rule{
		"Greet": {Access: public}, "Watch": {Access: optional}, "Collect": scopes("a"), "Converse": {MaxAge: seconds(1)},
	}
	policy, err := schema.Policy(nil, greetWith(t, service{methods: before}))
	if err != nil {
		t.Fatal(err)
	}
	if len(policy) != len(methods) {
		t.Fatalf("the policy with the options is %v", policy)
	}
	after, err := schema.Policy(nil, greetWith(t, service{}))
	if err != nil {
		t.Fatal(err)
	}
	for stack, client := range clients(t, newAuth(t, issuer, after)) {
		for _, method := range methods {
			for token, want := range map[string]string{"": "unauthenticated", expired: "unauthenticated", good: "ok"} {
				if got := client.verdict(t.Context(), method, token); !strings.HasPrefix(got, want) {
					t.Errorf("%s, %s, token %.20q: %q, want %q", stack, method, token, got, want)
				}
			}
		}
	}
}

func TestCheckPolicyFindsRPCsWithoutAnOption(t *testing.T) {
	file := greetWith(t, service{
		option:  scopes("read"),
		methods: map[string]*policyv1.Rule{"Greet": {Access: public}, "Collect": {Access: required}},
	})
	policy, err := schema.Policy(interceptor.Policy{greetService + "Watch": {}}, file)
	if err != nil {
		t.Fatal(err)
	}
	err = newAuth(t, verifiertest.NewIssuer(), policy).CheckPolicy(connectauth.Procedures(file))
	const want = `interceptor: Policy has no rule "/greet.v1.GreetService/Converse"`
	if err == nil || err.Error() != want {
		t.Errorf("err = %v, want %s alone", err, want)
	}
}

func newAuth(t *testing.T, issuer *verifiertest.Issuer, policy interceptor.Policy) *interceptor.Authenticator {
	t.Helper()
	v, err := verifier.New(issuer.Config())
	if err != nil {
		t.Fatal(err)
	}
	auth, err := interceptor.New(v, interceptor.WithRealm("greet"), interceptor.WithPolicy(policy))
	if err != nil {
		t.Fatal(err)
	}
	return auth
}
