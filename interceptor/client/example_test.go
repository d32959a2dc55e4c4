package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"

	"connectrpc.com/connect"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/oidcrpc/oidcrpc/connectauth"
	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connect"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/interceptor/client"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

func Example() {
	server, tokenURL := exampleServer()
	defer server.Close()
	config := clientcredentials.Config{ClientID: "shop", ClientSecret: "secret", TokenURL: tokenURL}
	tokens := client.NewSource(config.Token)
	greeter := greetv1connect.NewGreetServiceClient(server.Client(), server.URL,
		connect.WithInterceptors(connectauth.NewClientInterceptor(tokens)))

	_, err := greeter.Greet(context.Background(), connect.NewRequest(&greetv1.GreetRequest{}))
	if refusal, ok := errors.AsType[*client.Refusal](err); ok {
		fmt.Println(refusal.Code, refusal.Scopes)
	}
	// Output: insufficient_scope [greet:write]
}

func ExampleNewSource() {
	server, tokenURL := exampleServer()
	defer server.Close()
	config := clientcredentials.Config{ClientID: "shop", ClientSecret: "secret", TokenURL: tokenURL}
	tokens := client.NewSource(config.Token)
	token, err := tokens.Token(context.Background())
	fmt.Println(token.Type(), err)
	// Output: Bearer <nil>
}

func ExampleNewFileSource() {
	path := filepath.Join(os.TempDir(), "oidcrpc-example-token")
	defer os.Remove(path)
	if err := os.WriteFile(path, []byte("token\n"), 0o600); err != nil {
		fmt.Println(err)
	}
	tokens := client.NewFileSource(path)
	token, err := tokens.Token(context.Background())
	fmt.Println(token.AccessToken, err)
	// Output: token <nil>
}

func ExampleExchange() {
	server, tokenURL := exampleServer()
	defer server.Close()
	config := &clientcredentials.Config{
		ClientID: "shop", ClientSecret: "secret", TokenURL: tokenURL,
		EndpointParams: map[string][]string{"audience": {"https://api.example"}},
	}
	mine := client.NewSource(config.Token)
	tokens := client.NewSource(client.Exchange(config, mine.Token))
	_, err := tokens.Token(context.Background())
	fmt.Println(err)
	// Output: <nil>
}

func ExampleFromRefreshToken() {
	server, tokenURL := exampleServer()
	defer server.Close()
	config := &oauth2.Config{ClientID: "shop", Endpoint: oauth2.Endpoint{TokenURL: tokenURL}}
	saved := &oauth2.Token{RefreshToken: "refresh"} // from a login
	tokens := client.NewSource(client.FromRefreshToken(config, saved))
	_, err := tokens.Token(context.Background())
	fmt.Println(err)
	// Output: <nil>
}

// exampleServer returns a server that asks for a scope, and the URL of an endpoint whose tokens
// don't grant it.
func exampleServer() (server *httptest.Server, tokenURL string) {
	issuer := verifiertest.NewIssuer()
	v, err := verifier.New(issuer.Config())
	if err != nil {
		panic(err)
	}
	auth, err := interceptor.New(v, interceptor.WithPolicy(interceptor.Policy{
		"/*": {Require: verifier.Requirement{Scopes: []string{"greet:write"}}},
	}))
	if err != nil {
		panic(err)
	}
	mux := http.NewServeMux()
	mux.Handle(greetv1connect.NewGreetServiceHandler(greetv1connect.UnimplementedGreetServiceHandler{},
		connect.WithInterceptors(connectauth.NewInterceptor(auth))))
	mux.HandleFunc("/token", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"access_token":%q,"token_type":"Bearer","expires_in":300}`, issuer.Token(nil))
	})
	server = httptest.NewServer(mux)
	return server, server.URL + "/token"
}

// A command-line tool that logs its user in.
type tool struct{}

func (tool) login(_ context.Context, scopes, acrValues []string) (*oauth2.Token, error) {
	fmt.Println("please log in, for", scopes, acrValues)
	return nil, errors.New("there is no browser")
}

func ExampleWithAuthorize() {
	server, tokenURL := exampleServer()
	defer server.Close()
	config, user := clientcredentials.Config{ClientID: "shop", ClientSecret: "secret", TokenURL: tokenURL}, tool{}
	tokens := client.NewSource(config.Token,
		client.WithAuthorize(func(ctx context.Context, r *client.Refusal) (*oauth2.Token, error) {
			return user.login(ctx, r.Scopes, r.ACRValues)
		}))
	greeter := greetv1connect.NewGreetServiceClient(server.Client(), server.URL,
		connect.WithInterceptors(connectauth.NewClientInterceptor(tokens)))
	_, err := greeter.Greet(context.Background(), connect.NewRequest(&greetv1.GreetRequest{}))
	refusal, _ := errors.AsType[*client.Refusal](err)
	fmt.Println(refusal.Err)
	// Output:
	// please log in, for [greet:write] []
	// there is no browser
}

func ExampleNewRelay() {
	tokens := client.NewRelay("https://stock.example")
	// The context of a handler, whose server has interceptor.WithTokenInContext.
	ctx := interceptor.ContextWithToken(context.Background(), "token")
	ctx = interceptor.ContextWithClaims(ctx, verifiertest.Claims(map[string]any{"aud": "https://stock.example"}))
	token, err := tokens.Token(ctx)
	fmt.Println(token.AccessToken, err)
	// Output: token <nil>
}

func ExampleDiscovery() {
	trusted := []string{"https://issuer.example"}
	discover := func(ctx context.Context, refusal *client.Refusal) (oauth2.Endpoint, error) {
		var d client.Discovery
		resource, err := d.Resource(ctx, refusal.ResourceMetadata, "https://api.example")
		if err != nil {
			return oauth2.Endpoint{}, err
		}
		for _, issuer := range resource.AuthorizationServers {
			if slices.Contains(trusted, issuer) {
				return d.Endpoint(ctx, issuer)
			}
		}
		return oauth2.Endpoint{}, errors.New("the server trusts no issuer that we trust")
	}
	_, err := discover(context.Background(), &client.Refusal{ResourceMetadata: "http://api.example"})
	fmt.Println(err != nil)
	// Output: true
}
