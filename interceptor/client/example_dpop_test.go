package client_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"

	"connectrpc.com/connect"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/oidcrpc/oidcrpc/connectauth"
	"github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connect"
	"github.com/oidcrpc/oidcrpc/interceptor/client"
)

func ExampleWithDPoP() {
	tokenURL, stop := exampleEndpoint()
	defer stop()
	config := clientcredentials.Config{ClientID: "shop", ClientSecret: "secret", TokenURL: tokenURL}
	tokens := client.NewSource(config.Token, client.WithDPoP(nil))
	token, err := tokens.Token(context.Background())
	fmt.Println(token.Type(), err)
	// Output:
	// 1 proof
	// DPoP <nil>
}

func ExampleSource_Transport() {
	var config clientcredentials.Config
	tokens := client.NewSource(config.Token, client.WithDPoP(nil))
	httpClient := &http.Client{Transport: tokens.Transport(http.DefaultTransport)}
	greeter := greetv1connect.NewGreetServiceClient(httpClient, "https://api.example",
		connect.WithInterceptors(connectauth.NewClientInterceptor(tokens)))
	fmt.Println(greeter != nil)
	// Output: true
}

func ExampleNewDPoP() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader) // or one that you have kept
	if err != nil {
		fmt.Println(err)
		return
	}
	dpop, err := client.NewDPoP(client.DPoPConfig{Key: key, Origin: "https://api.example"})
	if err != nil {
		fmt.Println(err)
		return
	}
	var config clientcredentials.Config
	tokens := client.NewSource(config.Token, client.WithDPoP(dpop))
	fmt.Println(len(dpop.Thumbprint()), tokens != nil)
	// Output: 43 true
}

// A user's login comes before the Source. Its code and its refresh token have the same key.
func ExampleDPoP_TokenTransport() {
	tokenURL, stop := exampleEndpoint()
	defer stop()
	dpop, err := client.NewDPoP(client.DPoPConfig{})
	if err != nil {
		fmt.Println(err)
		return
	}
	config := oauth2.Config{ClientID: "tool", Endpoint: oauth2.Endpoint{AuthURL: "https://issuer.example/auth", TokenURL: tokenURL}}
	_ = config.AuthCodeURL("state", oauth2.SetAuthURLParam("dpop_jkt", dpop.Thumbprint())) // for the user's browser

	httpClient := &http.Client{Transport: dpop.TokenTransport(http.DefaultTransport)}
	token, err := config.Exchange(context.WithValue(context.Background(), oauth2.HTTPClient, httpClient), "code")
	tokens := client.NewSource(client.FromRefreshToken(&config, token), client.WithDPoP(dpop))
	fmt.Println(tokens != nil, err)
	// Output:
	// 1 proof
	// true <nil>
}

// exampleEndpoint returns the URL of an endpoint that counts the proofs in each request.
func exampleEndpoint() (tokenURL string, stop func()) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Println(len(r.Header.Values("DPoP")), "proof")
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprint(w, `{"access_token":"a","token_type":"DPoP","expires_in":300,"refresh_token":"r"}`)
	}))
	return server.URL, func() {
		http.DefaultClient.CloseIdleConnections()
		server.Close()
	}
}
