package credentials_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"

	"connectrpc.com/connect"

	"github.com/oidcrpc/oidcrpc/examples/credentials"
	"github.com/oidcrpc/oidcrpc/examples/greet"
	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connect"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/kubernetes"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// docs/credentials.md: API keys beside tokens.
func Example_apiKeys() {
	issuer := verifiertest.NewIssuer()
	v, err := verifier.New(issuer.Config())
	if err != nil {
		log.Fatal(err)
	}
	keys := credentials.APIKeys{
		sha256.Sum256([]byte("k-1")): `{"sub":"reports","scope":"orders:read"}`,
	}
	auth, err := interceptor.New(v,
		interceptor.WithCredential(interceptor.Scheme("ApiKey"), keys),
		interceptor.WithCredential(interceptor.Metadata("x-api-key"), keys),
	)
	if err != nil {
		log.Fatal(err)
	}

	server := httptest.NewServer(greet.NewConnectHandler(auth))
	defer server.Close()
	client := greetv1connect.NewGreetServiceClient(server.Client(), server.URL)
	for _, header := range []http.Header{
		{"Authorization": {"Bearer " + issuer.Token(map[string]any{"sub": "alice"})}},
		{"Authorization": {"ApiKey k-1"}},
		{"X-Api-Key": {"k-1"}},
		{"X-Api-Key": {"k-2"}},
		{"X-Api-Key": {"k-1"}, "Authorization": {"ApiKey k-1"}},
	} {
		req := connect.NewRequest(&greetv1.GreetRequest{Name: "Ada"})
		maps.Copy(req.Header(), header)
		res, err := client.Greet(context.Background(), req)
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(res.Msg.GetGreeting())
	}
	// Output:
	// Hello, Ada, from alice!
	// Hello, Ada, from reports!
	// Hello, Ada, from reports!
	// unauthenticated: the API key is unknown
	// unauthenticated: the call must carry exactly one well-formed credential
}

// docs/credentials.md: Kubernetes' service accounts.
func Example_tokenReview() {
	cluster := kubernetes.Cluster{Server: "https://kubernetes.default.svc"}
	client, err := cluster.Client()
	if err != nil {
		fmt.Println("not in a cluster")
		return
	}
	auth, err := interceptor.New(credentials.TokenReview{
		Server:   cluster.Server,
		Audience: "orders",
		Client:   client,
	})
	fmt.Println(auth, err)
	// Output: not in a cluster
}

// docs/credentials.md: SPIFFE's workloads.
func Example_spiffe() {
	v, err := verifier.New(verifier.Config{
		Issuer:     "https://oidc-discovery.example.org", // jwt_issuer of SPIRE's server
		Audiences:  []string{"orders"},
		Algorithms: []string{"ES256"},
		Require:    verifier.Requirement{Subjects: []string{"spiffe://example.org/ns/shop/*"}},
	})
	fmt.Println(v != nil, err)
	// Output: true <nil>
}
