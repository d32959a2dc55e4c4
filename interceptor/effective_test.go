package interceptor_test

import (
	"context"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
)

func TestEffectivePolicyNamesTheRuleOfEachProcedure(t *testing.T) {
	allow := func(context.Context, *verifier.Claims) error { return nil }
	auth := mustNew(t, acceptAll{}, interceptor.WithPolicy(interceptor.Policy{
		interceptor.HealthCheck: {Access: interceptor.AccessPublic},
		"/a.S/*":                {Require: verifier.Requirement{Scopes: []string{"a:read"}}},
		"/a.S/Delete": {
			Require: verifier.Requirement{AnyScopes: []string{"a:delete", "admin"}, MaxAge: 5 * time.Minute}, Allow: allow,
		},
		"/a.S/Peek": {Access: interceptor.AccessOptional},
		"/b.S/M":    {},
		"/b.S/*":    {Access: interceptor.AccessDenied},
	}))
	effective := auth.EffectivePolicy([]string{
		"/b.S/M", "/b.S/N", "/c.S/M", "/a.S/List", "/a.S/Delete", "/a.S/Peek", interceptor.HealthCheck, "/a.S/List", "nonsense",
	})
	want := strings.Join([]string{
		`/a.S/Delete                   a token with scope a:delete or admin; a login within 5m0s; what Allow asks  /a.S/Delete`,
		`/a.S/List                     a token with scope a:read                                                   /a.S/*`,
		`/a.S/Peek                     anonymous, or a valid token                                                 /a.S/Peek`,
		`/b.S/M                        a valid token                                                               /b.S/M`,
		`/b.S/N                        no one                                                                      /b.S/*`,
		`/c.S/M                        a valid token                                                               no rule`,
		`/grpc.health.v1.Health/Check  everyone                                                                    /grpc.health.v1.Health/Check`,
		`nonsense                      no one                                                                      no rule`,
		"",
	}, "\n")
	if got := effective.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestEffectivePolicyAsMarkdownHasATableForEachService(t *testing.T) {
	auth := mustNew(t, acceptAll{}, interceptor.WithPolicy(interceptor.Policy{
		"/a.S/M": {Require: verifier.Requirement{Permissions: []string{"a|b", "c_d"}}},
		"/*":     {Access: interceptor.AccessDenied},
	}))
	want := `# Who may call what

## a.S

| procedure | callers | rule |
|---|---|---|
| M | a token with permission a\|b and c\_d | /a.S/M |

## b.S

| procedure | callers | rule |
|---|---|---|
| M | no one | /\* |
`
	if got := auth.EffectivePolicy([]string{"/b.S/M", "/a.S/M"}).Markdown(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestEffectivePolicyNamesEveryPartOfARequirement(t *testing.T) {
	requirement := reflect.TypeFor[verifier.Requirement]()
	for i := range requirement.NumField() {
		var require verifier.Requirement
		switch field := reflect.ValueOf(&require).Elem().Field(i); field.Interface().(type) {
		case []string:
			field.Set(reflect.ValueOf([]string{"x"}))
		case time.Duration:
			field.SetInt(int64(time.Second))
		case bool:
			field.SetBool(true)
		}
		auth := mustNew(t, acceptAll{}, interceptor.WithPolicy(interceptor.Policy{"/a.S/M": {Require: require}}))
		if text := auth.EffectivePolicy([]string{"/a.S/M"}).String(); strings.Contains(text, "a valid token") {
			t.Errorf("the text leaves out %s: %s", requirement.Field(i).Name, text)
		}
	}
}

func TestEffectivePolicyCanNotChangeTheRules(t *testing.T) {
	auth := mustNew(t, acceptAll{}, interceptor.WithPolicy(interceptor.Policy{
		"/a.S/M": {Require: verifier.Requirement{Scopes: []string{"a"}}},
	}))
	auth.EffectivePolicy([]string{"/a.S/M"})[0].Rule.Require.Scopes[0] = "b"
	if got := auth.EffectivePolicy([]string{"/a.S/M"})[0].Rule.Require.Scopes[0]; got != "a" {
		t.Errorf("the rule now asks for %q, want a", got)
	}
}

func TestSetPolicyReplacesAllRules(t *testing.T) {
	auth := mustNew(t, acceptAll{}, interceptor.WithPolicy(interceptor.Policy{
		"/a.S/Open": {Access: interceptor.AccessPublic},
	}))
	isOpen := func(procedure string) bool {
		_, refusal := auth.Authenticate(t.Context(), interceptor.Call{Procedure: procedure})
		return refusal == nil
	}
	if err := auth.SetPolicy(interceptor.Policy{"/a.S/Other": {Access: interceptor.AccessPublic}}); err != nil {
		t.Fatal(err)
	}
	if isOpen("/a.S/Open") || !isOpen("/a.S/Other") {
		t.Error("the old rules still apply")
	}
	if err := auth.SetPolicy(interceptor.Policy{"/a.S/Open": {Access: interceptor.AccessPublic}, "nonsense": {}}); err == nil {
		t.Error("a policy with a bad key was taken")
	}
	if isOpen("/a.S/Open") || !isOpen("/a.S/Other") {
		t.Error("a bad policy has replaced the good one")
	}
}

func TestKeysOfACallComeFromTheRuleItWasDecidedBy(t *testing.T) {
	auth := mustNew(t, acceptAll{}, interceptor.WithPolicy(interceptor.Policy{
		"/a.S/M": {Access: interceptor.AccessPublic},
	}))
	admission, refusal := auth.Authenticate(t.Context(), interceptor.Call{Procedure: "/a.S/M"})
	if refusal != nil {
		t.Fatal(refusal)
	}
	if err := auth.SetPolicy(nil); err != nil {
		t.Fatal(err)
	}
	if keys := admission.Keys(); keys != nil {
		t.Errorf("keys = %v, want none: the call was public", keys)
	}
}

func TestCheckPolicyKnowsServicesWithoutDescriptors(t *testing.T) {
	auth := mustNew(t, acceptAll{}, interceptor.WithPolicy(interceptor.Policy{
		"/a.S/M":                                 {},
		interceptor.HealthCheck:                  {Access: interceptor.AccessPublic},
		"/grpc.health.v1.Health/*":               {Access: interceptor.AccessPublic},
		interceptor.ReflectionV1Alpha:            {Access: interceptor.AccessPublic},
		"/grpc.reflection.v1.ServerReflection/*": {Access: interceptor.AccessPublic},
	}))
	if err := auth.CheckPolicy([]string{"/a.S/M"}); err != nil {
		t.Error(err)
	}
	for _, key := range []string{"/grpc.health.v1.Health/check", "/grpc.health.v1.health/*", "/grpc.health.v1.Health/Checks"} {
		auth := mustNew(t, acceptAll{}, interceptor.WithPolicy(interceptor.Policy{"/a.S/M": {}, key: {}}))
		if err := auth.CheckPolicy([]string{"/a.S/M"}); err == nil {
			t.Errorf("the misspelt key %q passes the check", key)
		}
	}
}
