package connectauth_test

import (
	"context"
	"testing"
	"time"

	"connectrpc.com/connect"
	"golang.org/x/oauth2"

	"github.com/oidcrpc/oidcrpc/connectauth"
	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connect"
	"github.com/oidcrpc/oidcrpc/interceptor/client"
)

// BenchmarkClientCall compares a client's calls without a token and with ours. The server checks
// nothing.
func BenchmarkClientCall(b *testing.B) {
	token := &oauth2.Token{AccessToken: "token", Expiry: time.Now().Add(time.Hour)}
	tokens := client.NewSource(func(context.Context) (*oauth2.Token, error) { return token, nil })
	_, handler := greetv1connect.NewGreetServiceHandler(&everyKind{})
	server := serve(b, handler)
	for _, bench := range []struct {
		name    string
		options []connect.ClientOption
	}{
		{"none", nil},
		{"ours", []connect.ClientOption{connect.WithInterceptors(connectauth.NewClientInterceptor(tokens))}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			client := newClient(server, bench.options...)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := client.Greet(b.Context(), connect.NewRequest(&greetv1.GreetRequest{})); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkClientInterceptor measures the client's own part, without a call.
func BenchmarkClientInterceptor(b *testing.B) {
	token := &oauth2.Token{AccessToken: "token", Expiry: time.Now().Add(time.Hour)}
	tokens := client.NewSource(func(context.Context) (*oauth2.Token, error) { return token, nil })
	req := &clientRequest{AnyRequest: connect.NewRequest(&greetv1.GreetRequest{})}
	call := connectauth.NewClientInterceptor(tokens).WrapUnary(
		func(context.Context, connect.AnyRequest) (connect.AnyResponse, error) { return nil, nil })
	b.ReportAllocs()
	for b.Loop() {
		if _, err := call(b.Context(), req); err != nil {
			b.Fatal(err)
		}
	}
}

// clientRequest is a request as a client's interceptors see it.
type clientRequest struct{ connect.AnyRequest }

func (*clientRequest) Spec() connect.Spec { return connect.Spec{IsClient: true} }
