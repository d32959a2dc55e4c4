package examples_test

import (
	"context"
	"fmt"
	"log"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

func Example_issuerForTests() {
	issuer := verifiertest.NewIssuer()
	v, err := verifier.New(issuer.Config())
	if err != nil {
		log.Fatal(err)
	}
	claims, err := v.Verify(context.Background(), issuer.Token(map[string]any{"scope": "orders:read"}))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(claims.Subject(), claims.Scopes())
	// Output: user [orders:read]
}
