package connectauth_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"connectrpc.com/connect/v2/connectinprocess"
	"go.uber.org/goleak"

	connectauth "github.com/oidcrpc/oidcrpc/connectauth/v2"
	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	greetv1connect "github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connectv2"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newAuth(tb testing.TB, issuer *verifiertest.Issuer, options ...interceptor.Option) *interceptor.Authenticator {
	tb.Helper()
	v, err := verifier.New(issuer.Config())
	if err != nil {
		tb.Fatal(err)
	}
	auth, err := interceptor.New(v, options...)
	if err != nil {
		tb.Fatal(err)
	}
	return auth
}

// newServer returns a server of service, secured by auth.
func newServer(auth *interceptor.Authenticator, service greetv1connect.GreetServiceHandler) *connect.Server {
	server := connect.NewServer(connectauth.NewServerInterceptor(auth))
	greetv1connect.RegisterGreetServiceHandler(server, service)
	return server
}

func mount(server *connect.Server) http.Handler {
	mux := http.NewServeMux()
	connecthttp.Mount(mux, server)
	return mux
}

// serve serves handler over HTTP/1.1 and HTTP/2 until the test ends.
func serve(tb testing.TB, handler http.Handler) *httptest.Server {
	tb.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.EnableHTTP2 = true
	server.StartTLS()
	tb.Cleanup(server.Close)
	return server
}

func newClient(server *httptest.Server, options ...connecthttp.Option) greetv1connect.GreetServiceClient {
	return clientOf(connecthttp.NewTransport(server.Client(), server.URL, options...))
}

func newClientInProcess(server *connect.Server) greetv1connect.GreetServiceClient {
	return clientOf(connectinprocess.New(server))
}

func clientOf(transport connect.Transport) greetv1connect.GreetServiceClient {
	return greetv1connect.NewGreetServiceClient(connect.NewClient(transport))
}

// protocols are the ways to call a server.
var protocols = map[string][]connecthttp.Option{
	"Connect":  nil,
	"gRPC":     {connecthttp.WithGRPC()},
	"gRPC-Web": {connecthttp.WithGRPCWeb()},
}

// withToken returns the context for a call that sends a token, unless it's empty.
func withToken(ctx context.Context, token string) (context.Context, *connect.CallInfo) {
	ctx, info := connect.NewClientContext(ctx)
	if token != "" {
		info.RequestHeader().Set("Authorization", "Bearer "+token)
	}
	return ctx, info
}

// kinds calls a procedure of each kind, and returns the error that ends the call.
var kinds = map[string]func(context.Context, greetv1connect.GreetServiceClient) error{
	"unary": func(ctx context.Context, client greetv1connect.GreetServiceClient) error {
		_, err := client.Greet(ctx, &greetv1.GreetRequest{})
		return err
	},
	"client stream": func(ctx context.Context, client greetv1connect.GreetServiceClient) error {
		stream, err := client.Collect(ctx)
		if err != nil {
			return err
		}
		_ = stream.Send(&greetv1.CollectRequest{}) // the receive tells more
		_, err = stream.CloseAndReceive()
		return err
	},
	"server stream": func(ctx context.Context, client greetv1connect.GreetServiceClient) error {
		stream, err := client.Watch(ctx, &greetv1.WatchRequest{})
		if err != nil {
			return err
		}
		defer stream.Close()
		return drain(stream.Receive)
	},
	"bidi stream": func(ctx context.Context, client greetv1connect.GreetServiceClient) error {
		stream, err := client.Converse(ctx)
		if err != nil {
			return err
		}
		defer stream.Close()
		_ = stream.Send(&greetv1.ConverseRequest{})
		_ = stream.CloseSend()
		return drain(stream.Receive)
	},
}

// drain receives until the stream ends.
func drain[T any](receive func() (T, error)) error {
	for {
		if _, err := receive(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}
