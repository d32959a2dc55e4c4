package interceptor_test

import (
	"context"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
)

// Equal rules share memory, so rules that are equal but for one thing must not.
func TestRulesThatDifferInOneThingStayApart(t *testing.T) {
	for name, vary := range map[string]func(r *interceptor.Rule, i int){
		"nothing":      func(*interceptor.Rule, int) {},
		"access":       func(r *interceptor.Rule, i int) { r.Access = interceptor.Access(i % 2) },
		"bound":        func(r *interceptor.Rule, i int) { r.Require.Bound = i%2 == 0 },
		"scopes":       func(r *interceptor.Rule, i int) { r.Require.Scopes = []string{fmt.Sprint(i)} },
		"alternatives": func(r *interceptor.Rule, i int) { r.Require.AnyScopes = []string{fmt.Sprint(i)} },
		"kinds of grants": func(r *interceptor.Rule, i int) {
			lists := []*[]string{&r.Require.Scopes, &r.Require.AnyScopes, &r.Require.Permissions}
			*lists[i%3] = []string{"x"}
		},
		"where lists end": func(r *interceptor.Rule, i int) {
			r.Require.Permissions = [][]string{{"a", "b"}, {"a b"}}[i%2]
		},
		"permissions": func(r *interceptor.Rule, i int) { r.Require.Permissions = []string{fmt.Sprint(i)} },
		"issuers":     func(r *interceptor.Rule, i int) { r.Require.Issuers = []string{fmt.Sprint(i)} },
		"subjects":    func(r *interceptor.Rule, i int) { r.Require.Subjects = []string{fmt.Sprint(i)} },
		"actors":      func(r *interceptor.Rule, i int) { r.Require.Actors = []string{fmt.Sprint(i)} },
		"acr values":  func(r *interceptor.Rule, i int) { r.Require.ACRValues = []string{fmt.Sprint(i)} },
		"ages":        func(r *interceptor.Rule, i int) { r.Require.MaxAge = time.Duration(i) * time.Second },
	} {
		policy := make(interceptor.Policy)
		var procedures []string
		for i := range 50 {
			rule := interceptor.Rule{Require: verifier.Requirement{Issuers: []string{"https://issuer.test"}}}
			vary(&rule, i)
			procedures = append(procedures, fmt.Sprintf("/a.S/M%d", i))
			policy[procedures[i]] = rule
		}
		for _, effective := range mustNew(t, acceptAll{}, interceptor.WithPolicy(policy)).EffectivePolicy(procedures) {
			if want := policy[effective.Procedure]; !reflect.DeepEqual(effective.Rule, want) {
				t.Errorf("%s: the rule for %s is %+v, want %+v", name, effective.Procedure, effective.Rule, want)
			}
			if effective.Key != effective.Procedure {
				t.Errorf("%s: the key for %s is %s", name, effective.Procedure, effective.Key)
			}
		}
	}
}

func TestEachRuleAsksItsOwnAllow(t *testing.T) {
	var asked string
	policy := make(interceptor.Policy)
	for i := range 20 {
		procedure := fmt.Sprintf("/a.S/M%d", i)
		policy[procedure] = interceptor.Rule{Allow: func(context.Context, *verifier.Claims) error {
			asked = procedure
			return nil
		}}
	}
	auth := mustNew(t, acceptAll{}, interceptor.WithPolicy(policy))
	for procedure := range policy {
		admit(t.Context(), t, auth, withToken(procedure))
		if asked != procedure {
			t.Errorf("%s asked the Allow of %s", procedure, asked)
		}
	}
}
