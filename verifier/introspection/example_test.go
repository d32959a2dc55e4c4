package introspection_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/introspection"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

func ExampleNew() {
	server := httptest.NewServer(http.HandlerFunc(answer))
	defer server.Close()

	v, err := introspection.New(introspection.Config{
		Issuer:    "https://issuer.example/",
		Endpoint:  server.URL, // by default the issuer's metadata name it
		Client:    introspection.SecretBasic{ClientID: "orders", Secret: "secret"},
		Audiences: []string{"https://orders.example"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	claims, err := v.Verify(context.Background(), "opaque")
	fmt.Println(claims.Subject(), claims.HasScope("orders:read"), err)

	_, err = v.Verify(context.Background(), "made-up")
	fmt.Println(verifier.CodeOf(err))
	// Output:
	// alice true <nil>
	// invalid_token
}

// answer is an authorization server that knows one token.
func answer(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if r.PostFormValue("token") != "opaque" {
		fmt.Fprint(w, `{"active":false}`)
		return
	}
	fmt.Fprint(w, `{"active":true,"sub":"alice","scope":"orders:read","aud":"https://orders.example","exp":4102444800}`)
}

func ExampleNewEither() {
	server := httptest.NewServer(http.HandlerFunc(answer))
	defer server.Close()
	issuer := verifiertest.NewIssuer()

	jwts, err := verifier.New(issuer.Config())
	if err != nil {
		fmt.Println(err)
		return
	}
	opaque, err := introspection.New(introspection.Config{
		Issuer:    "https://issuer.example/",
		Endpoint:  server.URL,
		Client:    introspection.SecretBasic{ClientID: "orders", Secret: "secret"},
		Audiences: []string{"https://orders.example"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	either, err := introspection.NewEither(jwts, opaque)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, token := range []string{issuer.Token(map[string]any{"sub": "bob"}), "opaque"} {
		claims, err := either.Verify(context.Background(), token)
		fmt.Println(claims.Subject(), err)
	}
	// Output:
	// bob <nil>
	// alice <nil>
}
