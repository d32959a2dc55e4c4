package main

import (
	"context"
	"fmt"
	"time"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

const policySlice = 20 * time.Millisecond

// policyRaces time the decision about a call whose token costs nothing to verify: with no policy,
// with one rule, and with many. Each call is to another procedure than the one before.
func policyRaces(_ *verifiertest.Issuer, want func(name string) bool, rounds int) (races []Race, err error) {
	const name = "decision about a call"
	if !want(name) {
		return nil, nil
	}
	accept := acceptAll{verifiertest.Claims(map[string]any{"scope": "read"})}
	const rules = 10_000
	calls := make([]interceptor.Call, rules)
	for i := range calls {
		// In an order of their own, as calls come.
		procedure := fmt.Sprintf("/shop.v1.Service%d/Method%d", i*7919%rules/20, i*7919%rules%20)
		calls[i] = interceptor.Call{Procedure: procedure, Authorization: []string{"Bearer abc"}}
	}
	var contestants []contestant
	for _, c := range []struct {
		name            string
		policies, rules int
	}{
		{"without a policy", 1, 0},
		{"1 rule", 1, 1},
		{"10 000 rules", 1, rules},
		{"64 policies of 1 rule", 64, 1},
		{"64 policies of 10 000 rules", 64, rules},
	} {
		auths := make([]*interceptor.Authenticator, c.policies)
		for i := range auths {
			var options []interceptor.Option
			if c.rules > 0 {
				options = append(options, interceptor.WithPolicy(policyOf(calls[:c.rules])))
			}
			if auths[i], err = interceptor.New(accept, options...); err != nil {
				return nil, err
			}
		}
		contestants = append(contestants, contestant{c.name, rules, func(n int) error {
			return decide(auths, calls[:max(1, c.rules)], n)
		}})
	}
	results, err := race(contestants, rounds, policySlice)
	if err != nil {
		return nil, err
	}
	return []Race{{name, results}}, nil
}

func policyOf(calls []interceptor.Call) interceptor.Policy {
	policy := make(interceptor.Policy, len(calls))
	for _, call := range calls {
		policy[call.Procedure] = interceptor.Rule{Require: verifier.Requirement{Scopes: []string{"read"}}}
	}
	return policy
}

// decide spreads n calls over all Authenticators.
func decide(auths []*interceptor.Authenticator, calls []interceptor.Call, n int) error {
	ctx := context.Background()
	for i := range n {
		if _, refusal := auths[i%len(auths)].Authenticate(ctx, calls[i%len(calls)]); refusal != nil {
			return fmt.Errorf("the call was refused: %s", refusal.Message)
		}
	}
	return nil
}

type acceptAll struct{ claims *verifier.Claims }

func (a acceptAll) Verify(context.Context, string) (*verifier.Claims, error) { return a.claims, nil }
