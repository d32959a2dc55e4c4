package policyfile_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/interceptor/policyfile"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

func ExampleWatch() {
	ctx, v := context.Background(), newVerifier()

	policy, err := policyfile.Read("policy.yaml")
	if err != nil {
		log.Fatal(err)
	}
	auth, err := interceptor.New(v, interceptor.WithPolicy(policy))
	if err != nil {
		log.Fatal(err)
	}
	go policyfile.Watch(ctx, "policy.yaml", auth.SetPolicy, slog.Default())
}

func newVerifier() *verifier.Verifier {
	v, err := verifier.New(verifiertest.NewIssuer().Config())
	if err != nil {
		log.Fatal(err)
	}
	return v
}

func ExampleParse() {
	policy, err := policyfile.Parse([]byte(`
# Who may call what.
/orders.v1.OrderService/List: {scopes: [orders:read]}
/*:                           {access: denied}
`))
	if err != nil {
		log.Fatal(err)
	}
	auth, err := interceptor.New(newVerifier(), interceptor.WithPolicy(policy))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(auth.EffectivePolicy([]string{"/orders.v1.OrderService/List", "/orders.v1.OrderService/Delete"}))
	// Output:
	// /orders.v1.OrderService/Delete  no one                          /*
	// /orders.v1.OrderService/List    a token with scope orders:read  /orders.v1.OrderService/List
}
