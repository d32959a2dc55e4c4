package connectauth_test

import (
	"context"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"golang.org/x/oauth2"

	connectauth "github.com/oidcrpc/oidcrpc/connectauth/v2"
	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	greetv1connect "github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connectv2"
	"github.com/oidcrpc/oidcrpc/interceptor/client"
)

// BenchmarkClientCall compares a client's calls without a token and with ours. The server checks
// nothing.
func BenchmarkClientCall(b *testing.B) {
	token := &oauth2.Token{AccessToken: "token", Expiry: time.Now().Add(time.Hour)}
	tokens := client.NewSource(func(context.Context) (*oauth2.Token, error) { return token, nil })
	open := connect.NewServer()
	greetv1connect.RegisterGreetServiceHandler(open, echo{})
	server := serve(b, mount(open))
	for _, bench := range []struct {
		name         string
		interceptors []connect.ClientInterceptor
	}{
		{"none", nil},
		{"ours", []connect.ClientInterceptor{connectauth.NewClientInterceptor(tokens)}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			transport := connecthttp.NewTransport(server.Client(), server.URL)
			client := greetv1connect.NewGreetServiceClient(connect.NewClient(transport, bench.interceptors...))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := client.Greet(b.Context(), &greetv1.GreetRequest{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
