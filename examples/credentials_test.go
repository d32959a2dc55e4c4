package examples_test

import (
	"context"
	"fmt"
	"log"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// docs/credentials.md: a verifier for API keys.

// apiKeys holds the rows of a table, by the SHA-256 sum of their key.
type apiKeys func(ctx context.Context, key string) (row []byte, ok bool, err error)

func (find apiKeys) Verify(ctx context.Context, key string) (*verifier.Claims, error) {
	row, ok, err := find(ctx, key)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, &verifier.AuthError{Code: verifier.CodeInvalidToken, Message: "the API key is unknown"}
	}
	return verifier.NewClaims(row, verifier.ClaimsConfig{Issuer: "api-keys", AllowNoExpiry: true})
}

// docs/credentials.md: where a credential stands.
func Example_credentials() {
	v, err := verifier.New(verifiertest.NewIssuer().Config())
	if err != nil {
		log.Fatal(err)
	}
	keys := apiKeys(func(_ context.Context, key string) ([]byte, bool, error) {
		return []byte(`{"sub":"reports","scope":"orders:read"}`), key == "k-1", nil
	})
	sessions := keys

	for _, option := range []interceptor.Option{
		// authorization: ApiKey k-1
		interceptor.WithCredential(interceptor.Scheme("ApiKey"), keys),

		// x-api-key: k-1
		interceptor.WithCredential(interceptor.Metadata("x-api-key"), keys),

		// x-token: Bearer k-1
		interceptor.WithCredential(interceptor.MetadataScheme("x-token", "Bearer"), keys),

		// cookie: theme=dark; __Host-session=k-1
		interceptor.WithCredential(interceptor.Cookie("__Host-session"), sessions),
	} {
		auth, err := interceptor.New(v, option)
		if err != nil {
			log.Fatal(err)
		}
		_, refusal := auth.Authenticate(context.Background(), interceptor.Call{Procedure: "/a.S/M", Request: none{}})
		fmt.Println(refusal.Challenge)
	}
	// Output:
	// Bearer realm="api", ApiKey realm="api"
	// Bearer realm="api"
	// Bearer realm="api"
	// Bearer realm="api"
}

// docs/credentials.md: a proxy's assertion.
func Example_assertion() {
	edge, err := verifier.New(verifiertest.NewIssuer().Config())
	if err != nil {
		log.Fatal(err)
	}
	auth, err := interceptor.New(edge,
		interceptor.WithPlace(interceptor.Metadata("x-goog-iap-jwt-assertion"))) // or cf-access-jwt-assertion
	if err != nil {
		log.Fatal(err)
	}
	_, refusal := auth.Authenticate(context.Background(), interceptor.Call{Procedure: "/a.S/M", Request: none{}})
	fmt.Println(refusal.Code, refusal.Challenge == "")
	// Output: unauthenticated true
}

// none is a request without metadata.
type none struct{}

func (none) Values(context.Context, string) []string { return nil }
