package examples_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"connectrpc.com/connect"
	connectv2 "connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"golang.org/x/oauth2/clientcredentials"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/oidcrpc/oidcrpc/connectauth"
	connectauthv2 "github.com/oidcrpc/oidcrpc/connectauth/v2"
	"github.com/oidcrpc/oidcrpc/examples/greet"
	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connect"
	greetv1connectv2 "github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connectv2"
	"github.com/oidcrpc/oidcrpc/grpcauth"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/interceptor/client"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// README.md: a client.
func Example_client() {
	creds, secret := credentials.NewTLS(nil), "secret"

	// import golang.org/x/oauth2/clientcredentials and github.com/oidcrpc/oidcrpc/interceptor/client
	config := clientcredentials.Config{ClientID: "shop", ClientSecret: secret, TokenURL: "https://issuer.example/token"}
	tokens := client.NewSource(config.Token)
	conn, err := grpc.NewClient("api.example:443", grpcauth.ClientOptions(tokens, grpc.WithTransportCredentials(creds))...)
	greeter := greetv1.NewGreetServiceClient(conn)

	fmt.Println(greeter != nil, err)
	_ = conn.Close()
	// Output: true <nil>
}

// README.md: clients of Connect.
func Example_clientConnect() {
	tokens := client.NewSource((&clientcredentials.Config{}).Token)

	greeter := greetv1connect.NewGreetServiceClient(http.DefaultClient, "https://api.example",
		connect.WithInterceptors(connectauth.NewClientInterceptor(tokens)))

	fmt.Println(greeter != nil)
	// Output: true
}

// README.md: why a call was refused.
func Example_clientRefused() {
	explain := func(err error) {
		if refusal, ok := errors.AsType[*client.Refusal](err); ok {
			fmt.Println(refusal.Code, refusal.Scopes, refusal.ACRValues)
		}
	}
	explain(fmt.Errorf("ordering: %w", &client.Refusal{Code: verifier.CodeInsufficientScope, Scopes: []string{"orders:write"}}))
	// Output: insufficient_scope [orders:write] []
}

// The lines of the README work over TLS, with a real token endpoint, in each framework.
func TestClientsOfTheREADMEAreAdmitted(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	v, err := verifier.New(issuer.Config())
	if err != nil {
		t.Fatal(err)
	}
	auth, err := interceptor.New(v)
	if err != nil {
		t.Fatal(err)
	}
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"access_token":%q,"token_type":"Bearer","expires_in":300}`,
			issuer.Token(map[string]any{"sub": "shop"}))
	}))
	defer endpoint.Close()
	config := clientcredentials.Config{ClientID: "shop", ClientSecret: "secret", TokenURL: endpoint.URL}
	tokens := client.NewSource(config.Token)
	request := &greetv1.GreetRequest{Name: "Ada"}

	for name, test := range map[string]struct {
		handler http.Handler
		greet   func(context.Context, *httptest.Server) (*greetv1.GreetResponse, error)
	}{
		"grpc-go": {greet.NewGRPCServer(auth), func(ctx context.Context, server *httptest.Server) (*greetv1.GreetResponse, error) {
			pool := x509.NewCertPool()
			pool.AddCert(server.Certificate())
			creds := credentials.NewClientTLSFromCert(pool, "example.com")
			conn, err := grpc.NewClient(strings.TrimPrefix(server.URL, "https://"),
				grpcauth.ClientOptions(tokens, grpc.WithTransportCredentials(creds))...)
			if err != nil {
				return nil, err
			}
			defer conn.Close()
			return greetv1.NewGreetServiceClient(conn).Greet(ctx, request)
		}},
		"Connect v1": {greet.NewConnectHandler(auth), func(ctx context.Context, server *httptest.Server) (*greetv1.GreetResponse, error) {
			greeter := greetv1connect.NewGreetServiceClient(server.Client(), server.URL,
				connect.WithInterceptors(connectauth.NewClientInterceptor(tokens)))
			res, err := greeter.Greet(ctx, connect.NewRequest(request))
			if err != nil {
				return nil, err
			}
			return res.Msg, nil
		}},
		"Connect v2": {greet.NewConnectHandler(auth), func(ctx context.Context, server *httptest.Server) (*greetv1.GreetResponse, error) {
			transport := connecthttp.NewTransport(server.Client(), server.URL)
			greeter := greetv1connectv2.NewGreetServiceClient(
				connectv2.NewClient(transport, connectauthv2.NewClientInterceptor(tokens)))
			return greeter.Greet(ctx, request)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewUnstartedServer(test.handler)
			server.EnableHTTP2 = true
			server.StartTLS()
			defer server.Close()
			res, err := test.greet(t.Context(), server)
			if err != nil || !strings.Contains(res.GetGreeting(), "from shop") {
				t.Errorf("Greet: %v, %v", res, err)
			}
		})
	}
}
