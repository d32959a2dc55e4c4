package interceptor_test

import (
	"context"
	"testing"
	"time"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
)

// The cost of a rule on top of verification, which is nothing here: compare with "no
// policy".
func BenchmarkRule(b *testing.B) {
	const procedure = "/orders.v1.OrderService/DeleteOrder"
	claims := claimsOf(map[string]any{
		"scope": "openid orders:read orders:write", "permissions": []string{"a", "b", "delete"}, "acr": "mfa", "auth_time": time.Now().Unix(),
	})
	tokens := verifyFunc(func(string) (*verifier.Claims, error) { return claims, nil })
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
		{"the rule of its service", interceptor.Policy{"/orders.v1.OrderService/*": {}}},
		{"the rule of every procedure", interceptor.Policy{"/*": {}}},
		{"no rule", interceptor.Policy{"/orders.v1.OrderService/Other": {}}},
		{"one scope", interceptor.Policy{procedure: {Require: verifier.Requirement{Scopes: []string{"orders:write"}}}}},
		{"all requirements but MaxAge", interceptor.Policy{procedure: {Require: full}}},
		{"all requirements", interceptor.Policy{procedure: {Require: withMaxAge}}},
		{"Allow", interceptor.Policy{procedure: {Allow: func(context.Context, *verifier.Claims) error { return nil }}}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			auth := mustNew(b, tokens, interceptor.WithPolicy(bench.policy))
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
