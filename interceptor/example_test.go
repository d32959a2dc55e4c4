package interceptor_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

func ExampleNew() {
	v, err := verifier.New(verifier.Config{
		Issuer:    "https://issuer.example/",
		Audiences: []string{"https://api.example"},
	})
	if err != nil {
		log.Fatal(err)
	}
	auth, err := interceptor.New(v,
		interceptor.WithRealm("orders"),
		interceptor.WithPolicy(interceptor.Policy{
			"/grpc.health.v1.Health/Check": {Access: interceptor.Public},
			"/orders.v1.Orders/List":       {Access: interceptor.Optional},
			"/orders.v1.Orders/Delete": {
				Require: verifier.Requirement{Scopes: []string{"orders:write"}},
			},
		}),
	)
	if err != nil {
		log.Fatal(err)
	}
	_, refusal := auth.Authenticate(context.Background(), interceptor.Call{Procedure: "/orders.v1.Orders/Delete"})
	fmt.Println(refusal.Code, refusal.Challenge)
	// Output: UNAUTHENTICATED Bearer realm="orders"
}

func ExampleClaimsFromContext() {
	handler := func(ctx context.Context) string {
		claims, ok := interceptor.ClaimsFromContext(ctx)
		if !ok {
			return "hello, whoever you are"
		}
		return "hello, " + claims.Subject()
	}

	ctx := interceptor.ContextWithClaims(context.Background(),
		verifiertest.Claims(map[string]any{"sub": "alice"}))
	fmt.Println(handler(ctx))
	fmt.Println(handler(context.Background()))
	// Output:
	// hello, alice
	// hello, whoever you are
}

func ExamplePolicy() {
	policy := interceptor.Policy{
		"/orders.v1.Orders/*": {Require: verifier.Requirement{Scopes: []string{"orders"}}},
		// Replaces the rule above, for this procedure.
		"/orders.v1.Orders/Delete": {
			Require: verifier.Requirement{Scopes: []string{"orders", "orders:write"}},
			Allow: func(_ context.Context, claims *verifier.Claims) error {
				if claims.ClientID() == "batch" {
					return errors.New("batch jobs delete nothing")
				}
				return nil
			},
		},
	}
	fmt.Println(len(policy), "rules")
	// Output: 2 rules
}

func ExampleWithObserver() {
	tokens, err := verifier.New(verifiertest.NewIssuer().Config())
	if err != nil {
		log.Fatal(err)
	}
	auth, err := interceptor.New(tokens, interceptor.WithObserver(func(_ context.Context, d interceptor.Decision) {
		fmt.Println(d.Procedure, d.Code, verifier.CodeOf(d.Err))
	}))
	if err != nil {
		log.Fatal(err)
	}
	_, _ = auth.Authenticate(context.Background(), interceptor.Call{Procedure: "/orders.v1.Orders/List"})
	// Output: /orders.v1.Orders/List UNAUTHENTICATED missing_token
}
