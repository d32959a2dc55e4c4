package grpcauth_test

import (
	"context"
	"testing"
	"time"

	"golang.org/x/oauth2"
	"google.golang.org/grpc"

	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/grpcauth"
	"github.com/oidcrpc/oidcrpc/interceptor/client"
)

// plain sends tokens as grpc-go's credentials/oauth does, but over any connection.
type plain struct{ oauth2.TokenSource }

func (plain) RequireTransportSecurity() bool { return false }

func (p plain) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	token, err := p.Token()
	if err != nil {
		return nil, err
	}
	return map[string]string{"authorization": token.Type() + " " + token.AccessToken}, nil
}

// BenchmarkClientCall compares a client's calls without a token, with grpc-go's credentials, and
// with ours. The server checks nothing.
func BenchmarkClientCall(b *testing.B) {
	token := &oauth2.Token{AccessToken: "token", Expiry: time.Now().Add(time.Hour)}
	tokens := client.NewSource(func(context.Context) (*oauth2.Token, error) { return token, nil })
	for _, bench := range []struct {
		name    string
		options []grpc.DialOption
	}{
		{"none", nil},
		{"grpc-go", []grpc.DialOption{grpc.WithPerRPCCredentials(
			plain{oauth2.ReuseTokenSource(token, nil)})}},
		{"ours", grpcauth.PlaintextClientOptions(tokens)},
	} {
		b.Run(bench.name, func(b *testing.B) {
			server := grpc.NewServer()
			greetv1.RegisterGreetServiceServer(server, &everyKind{})
			client := greetv1.NewGreetServiceClient(dial(b, server, bench.options...))
			req := &greetv1.GreetRequest{Name: "Ada"}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := client.Greet(b.Context(), req); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkClientInterceptor measures the client's own part: the interceptor and the metadata,
// without a call.
func BenchmarkClientInterceptor(b *testing.B) {
	token := &oauth2.Token{AccessToken: "token", Expiry: time.Now().Add(time.Hour)}
	tokens := client.NewSource(func(context.Context) (*oauth2.Token, error) { return token, nil })
	intercept, credentials := grpcauth.CallUnary(tokens)
	invoke := func(ctx context.Context, _ string, _, _ any, _ *grpc.ClientConn, _ ...grpc.CallOption) error {
		_, err := credentials.GetRequestMetadata(ctx)
		return err
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := intercept(b.Context(), "/a.S/M", nil, nil, nil, invoke); err != nil {
			b.Fatal(err)
		}
	}
}
