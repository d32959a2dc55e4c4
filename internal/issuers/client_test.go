package issuers_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"connectrpc.com/connect"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/oidcrpc/oidcrpc/connectauth"
	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connect"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/interceptor/client"
	"github.com/oidcrpc/oidcrpc/verifier"
)

// tellClient has clients get their tokens from a product, and call a server that believes it.
func (p *product) tellClient(t *testing.T, params url.Values) {
	server := newServer(t, p.config)
	d := client.Discovery{AllowPrivateAddresses: true}
	endpoint, err := d.Endpoint(t.Context(), p.config.Issuer)
	if err != nil {
		t.Fatalf("Endpoint: %v", err)
	}
	config := clientcredentials.Config{
		ClientID: "robot", ClientSecret: "secret", TokenURL: endpoint.TokenURL,
		Scopes: []string{"orders:read"}, EndpointParams: params,
	}
	t.Run("a client with its credentials is admitted", func(t *testing.T) {
		tokens := client.NewSource(config.Token)
		mustGreet(t, server, tokens)
		token, err := tokens.Token(t.Context())
		if left := time.Until(token.Expiry); err != nil || left < time.Minute || left > 24*time.Hour {
			t.Errorf("Token: it expires in %v: %v", left, err)
		}
	})
	t.Run("a client whose token is in a file is admitted", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "token")
		writeFile(t, path, []byte(p.token(t)+"\n"))
		mustGreet(t, server, client.NewFileSource(path))
	})
	t.Run("a client goes on while the issuer restarts", func(t *testing.T) {
		tokens := client.NewSource(config.Token)
		mustGreet(t, server, tokens)
		p.stop(t)
		mustGreet(t, server, tokens)
		p.start(t)
		mustGreet(t, server, tokens)
	})
	t.Run("a client is admitted again once its token's key is withdrawn", func(t *testing.T) {
		config := p.config
		config.KeysTTL = time.Second
		server := newServer(t, config)
		first := p.token(t)
		asked := 0
		tokens := client.NewSource(func(context.Context) (*oauth2.Token, error) {
			asked++
			if asked == 1 {
				return &oauth2.Token{AccessToken: first}, nil
			}
			return &oauth2.Token{AccessToken: p.token(t)}, nil
		})
		mustGreet(t, server, tokens)
		p.rotate(t)
		p.withdraw(t)
		time.Sleep(config.KeysTTL)
		mustGreet(t, server, tokens)
		if asked != 2 {
			t.Errorf("%d tokens were asked for, want one more", asked)
		}
	})
	t.Run("a client with another secret hears so", func(t *testing.T) {
		config := config
		config.ClientSecret = "another"
		_, err := client.NewSource(config.Token).Token(t.Context())
		tokenErr, ok := err.(*client.TokenError) //nolint:errorlint // as documented
		if !ok || tokenErr.Temporary() || tokenErr.Code() != interceptor.CodeUnauthenticated {
			t.Errorf("Token: %v, want a TokenError that lasts", err)
		}
	})
}

func newServer(t *testing.T, config verifier.Config) *httptest.Server {
	t.Helper()
	auth, err := interceptor.New(newVerifier(t, config))
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle(greetv1connect.NewGreetServiceHandler(greeter{}, connect.WithInterceptors(connectauth.NewInterceptor(auth))))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

type greeter struct {
	greetv1connect.UnimplementedGreetServiceHandler
}

func (greeter) Greet(context.Context, *connect.Request[greetv1.GreetRequest]) (*connect.Response[greetv1.GreetResponse], error) {
	return connect.NewResponse(&greetv1.GreetResponse{}), nil
}

func mustGreet(t *testing.T, server *httptest.Server, tokens *client.Source) {
	t.Helper()
	c := greetv1connect.NewGreetServiceClient(server.Client(), server.URL,
		connect.WithInterceptors(connectauth.NewClientInterceptor(tokens)))
	if _, err := c.Greet(t.Context(), connect.NewRequest(&greetv1.GreetRequest{})); err != nil {
		t.Errorf("Greet: %v", err)
	}
}
