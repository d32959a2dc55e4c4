package wire_test

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"connectrpc.com/connect"
	connectv2 "connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"connectrpc.com/connect/v2/connectinprocess"
	"google.golang.org/grpc"
	transport "google.golang.org/grpc/credentials"

	"github.com/oidcrpc/oidcrpc/connectauth"
	connectauthv2 "github.com/oidcrpc/oidcrpc/connectauth/v2"
	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connect"
	"github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connectv2"
	"github.com/oidcrpc/oidcrpc/grpcauth"
	"github.com/oidcrpc/oidcrpc/interceptor"
)

// connections gets what handlers learn about their callers.
type connections chan interceptor.Connection

func (c connections) grpc(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	c <- interceptor.ConnectionFromContext(ctx)
	return next(ctx, req)
}

func (c connections) v1(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		c <- interceptor.ConnectionFromContext(ctx)
		return next(ctx, req)
	}
}

func (c connections) v2(next connectv2.ServerFunc) connectv2.ServerFunc {
	return func(ctx context.Context, spec connectv2.Spec, conn connectv2.ServerStream) error {
		c <- interceptor.ConnectionFromContext(ctx)
		return next(ctx, spec, conn)
	}
}

func TestHandlersLearnTheirCallersConnection(t *testing.T) {
	auth := newOpenAuth(t)
	seen := make(connections, 1)

	grpcGo := grpc.NewServer(grpc.ChainUnaryInterceptor(grpcauth.UnaryServerInterceptor(auth), seen.grpc))
	greetv1.RegisterGreetServiceServer(grpcGo, greetv1.UnimplementedGreetServiceServer{})
	v1 := http.NewServeMux()
	v1.Handle(greetv1connect.NewGreetServiceHandler(greetv1connect.UnimplementedGreetServiceHandler{},
		connect.WithInterceptors(connectauth.NewInterceptor(auth), connect.UnaryInterceptorFunc(seen.v1))))
	server := connectv2.NewServer(connectauthv2.NewServerInterceptor(auth), connectv2.ServerInterceptor(seen.v2))
	greetv1connectv2.RegisterGreetServiceHandler(server, greetv1connectv2.UnimplementedGreetServiceHandler{})
	v2 := http.NewServeMux()
	connecthttp.Mount(v2, server)

	for name, test := range map[string]struct {
		handler http.Handler // nil: grpc-go's own server
		known   bool
	}{
		"grpc-go Serve":         {nil, true},
		"grpc-go ServeHTTP":     {grpcGo, true},
		"v1":                    {v1, false},
		"v1, behind middleware": {connectauth.NewMiddleware(auth).Wrap(v1), true},
		"v2":                    {v2, true},
		"v2, behind middleware": {connectauthv2.NewMiddleware(auth).Wrap(v2), true},
	} {
		t.Run(name, func(t *testing.T) {
			certificate := greetOverTLS(t, test.handler, auth, seen)
			got := <-seen
			if !test.known {
				if got != (interceptor.Connection{}) {
					t.Errorf("%+v, want nothing", got)
				}
				return
			}
			if got.TLS == nil || len(got.TLS.PeerCertificates) != 1 ||
				string(got.TLS.PeerCertificates[0].Raw) != string(certificate) {
				t.Errorf("TLS = %+v, want the client's certificate", got.TLS)
			}
			if got.Method != http.MethodPost || got.URL == nil || got.URL.Path != greetv1connect.GreetServiceGreetProcedure {
				t.Errorf("%s %v, want POST of the procedure", got.Method, got.URL)
			}
		})
	}
}

// greetOverTLS makes a call over gRPC with a client certificate, and returns that.
func greetOverTLS(t *testing.T, handler http.Handler, auth *interceptor.Authenticator, seen connections) []byte {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.EnableHTTP2 = true
	server.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	server.StartTLS()
	defer server.Close()
	addr := server.Listener.Addr().String()
	if handler == nil {
		grpcGo := grpc.NewServer(grpc.Creds(transport.NewTLS(server.TLS)),
			grpc.ChainUnaryInterceptor(grpcauth.UnaryServerInterceptor(auth), seen.grpc))
		greetv1.RegisterGreetServiceServer(grpcGo, greetv1.UnimplementedGreetServiceServer{})
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		var served sync.WaitGroup
		served.Go(func() { _ = grpcGo.Serve(listener) })
		defer served.Wait()
		defer grpcGo.Stop()
		addr = listener.Addr().String()
	}
	config := server.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	config.ServerName, config.Certificates = "example.com", server.TLS.Certificates
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(transport.NewTLS(config)))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = greetv1.NewGreetServiceClient(conn).Greet(t.Context(), &greetv1.GreetRequest{})
	return server.TLS.Certificates[0].Certificate[0]
}

// A handler that calls another service in process mustn't lend it its own caller.
func TestCallInProcessHasNoConnection(t *testing.T) {
	auth := newOpenAuth(t)
	seen := make(connections, 1)
	server := connectv2.NewServer(connectauthv2.NewServerInterceptor(auth), connectv2.ServerInterceptor(seen.v2))
	greetv1connectv2.RegisterGreetServiceHandler(server, greetv1connectv2.UnimplementedGreetServiceHandler{})
	inner := greetv1connectv2.NewGreetServiceClient(connectv2.NewClient(connectinprocess.New(server)))

	outer := connectv2.NewServer(connectauthv2.NewServerInterceptor(auth), connectv2.ServerInterceptor(
		func(next connectv2.ServerFunc) connectv2.ServerFunc {
			return func(ctx context.Context, spec connectv2.Spec, conn connectv2.ServerStream) error {
				if interceptor.ConnectionFromContext(ctx).TLS == nil {
					t.Error("the outer call has no connection")
				}
				_, _ = inner.Greet(ctx, &greetv1.GreetRequest{})
				return next(ctx, spec, conn)
			}
		}))
	greetv1connectv2.RegisterGreetServiceHandler(outer, greetv1connectv2.UnimplementedGreetServiceHandler{})
	mux := http.NewServeMux()
	connecthttp.Mount(mux, outer)
	greetOverTLS(t, mux, auth, seen)
	if got := <-seen; got != (interceptor.Connection{}) {
		t.Errorf("in process: %+v, want nothing", got)
	}
}
