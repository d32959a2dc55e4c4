package otelauth_test

import (
	"log"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/interceptor/otelauth"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

func ExampleOptions() {
	policy := interceptor.Policy{"/*": {}}
	v, err := verifier.New(verifiertest.NewIssuer().Config())
	if err != nil {
		log.Fatal(err)
	}

	options, err := otelauth.Options(otelauth.Config{Verifier: v})
	if err != nil {
		log.Fatal(err)
	}
	auth, err := interceptor.New(v, append(options, interceptor.WithPolicy(policy))...)
	if err != nil {
		log.Fatal(err)
	}

	_ = auth // for the interceptors
	// Output:
}
