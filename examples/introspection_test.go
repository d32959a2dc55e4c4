package examples_test

import (
	"fmt"
	"log"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier/introspection"
)

// docs/introspection.md: opaque tokens, alone and beside JWTs.
func Example_introspection() {
	const secret = "secret"
	jwts := newVerifier()
	opaque, err := introspection.New(introspection.Config{
		Issuer:    "https://issuer.example/",
		Client:    introspection.SecretBasic{ClientID: "orders", Secret: secret},
		Audiences: []string{"https://orders.example"},
	})
	if err != nil {
		log.Fatal(err)
	}
	either, err := introspection.NewEither(jwts, opaque)
	if err != nil {
		log.Fatal(err)
	}
	for _, v := range []interceptor.TokenVerifier{opaque, either} {
		_, err := interceptor.New(v)
		fmt.Println(err)
	}
	// Output:
	// <nil>
	// <nil>
}
