package interceptor_test

import (
	"context"
	"fmt"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/dpop"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// A thief has the token of another client, and not its key.
func ExampleWithDPoP() {
	issuer := verifiertest.NewIssuer()
	v, err := verifier.New(issuer.Config())
	if err != nil {
		panic(err)
	}
	key := []byte("secret, and 32 bytes long or more")
	auth, err := interceptor.New(v,
		interceptor.WithDPoP(dpop.Config{
			Origins:   []string{"https://api.example.com"},
			NonceKeys: [][]byte{key}, // 32 secret bytes, the same on every replica
		}),
	)
	if err != nil {
		panic(err)
	}
	stolen := issuer.Token(map[string]any{
		"cnf": map[string]any{"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"},
	})
	_, refusal := auth.Authenticate(context.Background(), interceptor.Call{
		Procedure:     "/orders.v1.OrderService/Pay",
		Authorization: []string{"Bearer " + stolen},
	})
	fmt.Println(refusal.Code)
	fmt.Println(refusal.Challenge)
	// Output:
	// unauthenticated
	// Bearer realm="api", error="invalid_token", error_description="the call does not prove what the token is bound to", DPoP realm="api", algs="ES256 EdDSA Ed25519 PS256"
}
