package wire_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// credentials returns what the columns of the verdicts send. The verifier asks for
// the scope greet:read, which all tokens but weak have.
func credentials(issuer *verifiertest.Issuer) map[string][]string {
	const read, write = "greet:read", "greet:read greet:write"
	now := time.Now().Unix()
	mint := func(claims map[string]any, options ...verifiertest.TokenOption) []string {
		return bearer(issuer.Token(claims, options...))
	}
	return map[string][]string{
		"none": nil,
		"forged": mint(map[string]any{"scope": write}, verifiertest.WithSignature(func(signature []byte) []byte {
			signature[0] ^= 1
			return signature
		})),
		"weak":  mint(nil),
		"read":  mint(map[string]any{"scope": read}),
		"write": mint(map[string]any{"scope": write}),
		"admin": mint(map[string]any{"scope": "greet:admin greet:read"}),
		"clerk": mint(map[string]any{"scope": read, "permissions": []string{"clerk"}}),
		"mfa":   mint(map[string]any{"scope": write, "acr": "mfa", "auth_time": now}),
		"stale": mint(map[string]any{"scope": write, "acr": "mfa", "auth_time": now - 7200}),
	}
}

// Each policy has a table of what every procedure answers to every token: a word that
// says so, and after the bars what challenges name, all the scopes that the call needs
// and how its user must have authenticated.
//
//	ok     it is admitted
//	who    a token is needed
//	bad    the token is bad
//	scope  a scope is missing
//	perm   a permission is missing
//	no     the call is not allowed
//	way    the user must authenticate in another way
//	again  the user must authenticate again
var verdicts = []struct {
	name   string
	policy interceptor.Policy
	table  string
}{
	{
		name: "none",
		table: `
			          none  forged  weak   read   write  admin  clerk  mfa    stale
			Greet     who   bad     scope  ok     ok     ok     ok     ok     ok     | greet:read
			Watch     who   bad     scope  ok     ok     ok     ok     ok     ok     | greet:read
			Collect   who   bad     scope  ok     ok     ok     ok     ok     ok     | greet:read
			Converse  who   bad     scope  ok     ok     ok     ok     ok     ok     | greet:read`,
	},
	{
		name: "grants",
		policy: interceptor.Policy{
			"/greet.v1.GreetService/Greet":    {Require: verifier.Requirement{Scopes: []string{"greet:write", "greet:read"}}},
			"/greet.v1.GreetService/Watch":    {Require: verifier.Requirement{AnyScopes: []string{"greet:admin", "greet:write"}}},
			"/greet.v1.GreetService/Collect":  {Require: verifier.Requirement{Permissions: []string{"clerk"}}},
			"/greet.v1.GreetService/Converse": {Require: verifier.Requirement{Scopes: []string{"greet:write"}, Permissions: []string{"clerk"}}},
		},
		table: `
			          none  forged  weak   read   write  admin  clerk  mfa    stale
			Greet     who   bad     scope  scope  ok     scope  scope  ok     ok     | greet:read greet:write
			Watch     who   bad     scope  scope  ok     ok     scope  ok     ok     | greet:read greet:admin
			Collect   who   bad     scope  perm   perm   perm   ok     perm   perm   | greet:read
			Converse  who   bad     scope  scope  perm   scope  scope  perm   perm   | greet:read greet:write`,
	},
	{
		name: "access",
		policy: interceptor.Policy{
			"/greet.v1.GreetService/Greet":    {Access: interceptor.AccessPublic},
			"/greet.v1.GreetService/Watch":    {Access: interceptor.AccessOptional},
			"/greet.v1.GreetService/Collect":  {Access: interceptor.AccessOptional, Require: verifier.Requirement{Scopes: []string{"greet:write"}}},
			"/greet.v1.GreetService/Converse": {Access: interceptor.AccessDenied},
		},
		table: `
			          none  forged  weak   read   write  admin  clerk  mfa    stale
			Greet     ok    ok      ok     ok     ok     ok     ok     ok     ok
			Watch     ok    bad     scope  ok     ok     ok     ok     ok     ok     | greet:read
			Collect   ok    bad     scope  scope  ok     scope  scope  ok     ok     | greet:read greet:write
			Converse  who   bad     scope  no     no     no     no     no     no     | greet:read`,
	},
	{
		name: "users",
		policy: interceptor.Policy{
			"/greet.v1.GreetService/Greet": {Require: verifier.Requirement{ACRValues: []string{"key", "mfa"}}},
			"/greet.v1.GreetService/Watch": {Require: verifier.Requirement{MaxAge: time.Hour}},
			"/greet.v1.GreetService/Collect": {Require: verifier.Requirement{
				Scopes: []string{"greet:admin"}, ACRValues: []string{"mfa"}, MaxAge: time.Hour,
			}},
			"/greet.v1.GreetService/Converse": {Require: verifier.Requirement{ACRValues: []string{"pwd"}}},
		},
		table: `
			          none  forged  weak   read   write  admin  clerk  mfa    stale
			Greet     who   bad     scope  way    way    way    way    ok     ok     | greet:read             | acr_values="key mfa"
			Watch     who   bad     scope  again  again  again  again  ok     again  | greet:read             | max_age="3600"
			Collect   who   bad     scope  way    way    way    way    scope  again  | greet:read greet:admin | acr_values="mfa", max_age="3600"
			Converse  who   bad     scope  way    way    way    way    way    way    | greet:read             | acr_values="pwd"`,
	},
	{
		name: "the most specific rule alone",
		policy: interceptor.Policy{
			"/*":                           {Access: interceptor.AccessPublic},
			"/greet.v1.GreetService/*":     {Require: verifier.Requirement{Scopes: []string{"greet:admin"}}},
			"/greet.v1.GreetService/Greet": {},
			"/greet.v1.GreetService/Watch": {Require: verifier.Requirement{Scopes: []string{"greet:write"}}},
			"/greet.v1.GreetService/watch": {Access: interceptor.AccessPublic},
			"/greet.v1.Greet/Collect":      {Access: interceptor.AccessPublic},
		},
		table: `
			          none  forged  weak   read   write  admin  clerk  mfa    stale
			Greet     who   bad     scope  ok     ok     ok     ok     ok     ok     | greet:read
			Watch     who   bad     scope  scope  ok     scope  scope  ok     ok     | greet:read greet:write
			Collect   who   bad     scope  scope  scope  ok     scope  scope  scope  | greet:read greet:admin
			Converse  who   bad     scope  scope  scope  ok     scope  scope  scope  | greet:read greet:admin`,
	},
	{
		name: "closed but for two",
		policy: interceptor.Policy{
			"/*":                           {Access: interceptor.AccessDenied},
			"/greet.v1.GreetService/Greet": {},
			"/greet.v1.GreetService/Watch": {Access: interceptor.AccessPublic},
		},
		table: `
			          none  forged  weak   read   write  admin  clerk  mfa    stale
			Greet     who   bad     scope  ok     ok     ok     ok     ok     ok     | greet:read
			Watch     ok    ok      ok     ok     ok     ok     ok     ok     ok
			Collect   who   bad     scope  no     no     no     no     no     no     | greet:read
			Converse  who   bad     scope  no     no     no     no     no     no     | greet:read`,
	},
	{
		name: "Allow",
		policy: interceptor.Policy{
			"/greet.v1.GreetService/Greet": {Allow: clerksOnly},
			"/greet.v1.GreetService/Watch": {Access: interceptor.AccessOptional, Allow: clerksOnly},
			"/greet.v1.GreetService/Collect": {
				Require: verifier.Requirement{Scopes: []string{"greet:write"}}, Allow: clerksOnly,
			},
			"/greet.v1.GreetService/Converse": {Allow: func(_ context.Context, claims *verifier.Claims) error {
				return verifier.Requirement{ACRValues: []string{"mfa"}}.Check(claims)
			}},
		},
		table: `
			          none  forged  weak   read   write  admin  clerk  mfa    stale
			Greet     who   bad     scope  no     no     no     ok     no     no     | greet:read
			Watch     ok    bad     scope  no     no     no     ok     no     no     | greet:read
			Collect   who   bad     scope  scope  no     scope  scope  no     no     | greet:read greet:write
			Converse  who   bad     scope  way    way    way    way    ok     ok     | greet:read | acr_values="mfa"`,
	},
}

func clerksOnly(_ context.Context, claims *verifier.Claims) error {
	if !claims.HasPermission("clerk") {
		return errors.New("the caller is no clerk")
	}
	return nil
}

func TestAllStacksReachTheSameVerdicts(t *testing.T) {
	tokens := newJudge(t)
	sent := credentials(tokens.issuer)
	protocols := slices.DeleteFunc(paths(), func(p path) bool {
		return !slices.Contains([]string{
			"grpc-go Serve", "Connect", "gRPC", "gRPC-Web", "Connect, v2", "gRPC, v2", "gRPC-Web, v2", inProcess,
		}, p.name)
	})
	count := 0
	for _, v := range verdicts {
		outcomes := parseVerdicts(t, v.table, sent)
		auth, err := interceptor.New(tokens, interceptor.WithRealm(realm), interceptor.WithPolicy(v.policy))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range protocols {
			server := path.launch(t, auth)
			client := path.dial(t, server)
			for kind, outcomes := range outcomes {
				for _, want := range outcomes {
					count++
					t.Run(v.name+"/"+path.name+"/"+string(kind)+"/"+want.name, func(t *testing.T) {
						checkOutcome(t, path, server, client, kind, want)
					})
				}
			}
		}
	}
	if want := len(verdicts) * len(allKinds) * len(sent) * len(protocols); count != want {
		t.Errorf("%d verdicts were compared, want %d", count, want)
	}
}

// parseVerdicts returns the outcomes that a table states for each kind of procedure.
func parseVerdicts(t *testing.T, table string, sent map[string][]string) map[kind][]outcome {
	t.Helper()
	kinds := map[string]kind{"Greet": unary, "Watch": serverStream, "Collect": clientStream, "Converse": bidiStream}
	outcomes := make(map[kind][]outcome)
	lines := strings.Split(strings.TrimSpace(table), "\n")
	columns := strings.Fields(lines[0])
	for _, line := range lines[1:] {
		cells, named, _ := strings.Cut(line, "|")
		scope, stepUp, _ := strings.Cut(named, "|")
		words := strings.Fields(cells)
		for i, column := range columns {
			authorization, ok := sent[column]
			if !ok {
				t.Fatalf("there is no token %q", column)
			}
			want := outcomeOf(t, words[i+1], strings.TrimSpace(scope), strings.TrimSpace(stepUp))
			want.name, want.authorization = column, authorization
			outcomes[kinds[words[0]]] = append(outcomes[kinds[words[0]]], want)
		}
	}
	return outcomes
}

func outcomeOf(t *testing.T, word, scope, stepUp string) outcome {
	t.Helper()
	switch word {
	case "ok":
		return admitted("", nil)
	case "who":
		return noCredentials("", nil)
	case "bad":
		return invalidToken("", nil, "INVALID_TOKEN", "the signature is not valid")
	case "scope":
		return missingScope(scope)
	case "perm":
		return insufficientPermissions("", nil)
	case "no":
		return notAllowed()
	case "way":
		return insufficientUser("the user must authenticate in another way", stepUp, scope)
	case "again":
		return insufficientUser("the user must authenticate again", stepUp, scope)
	default:
		t.Fatalf("unknown verdict %q", word)
		return outcome{}
	}
}

func missingScope(scope string) outcome {
	want := insufficientScope("", nil)
	want.challenge = `Bearer realm="greet", error="insufficient_scope", scope="` + scope + `"`
	want.scope = scope
	return want
}

func notAllowed() outcome {
	want := insufficientPermissions("", nil)
	want.message = "the call is not allowed"
	return want
}

func insufficientUser(message, stepUp, scope string) outcome {
	return outcome{
		code: codes.Unauthenticated, status: http.StatusUnauthorized,
		message: message,
		challenge: `Bearer realm="greet", error="insufficient_user_authentication", ` +
			`error_description="` + message + `", ` + stepUp + `, scope="` + scope + `"`,
		reason: "INSUFFICIENT_USER_AUTHENTICATION",
		scope:  scope,
	}
}
