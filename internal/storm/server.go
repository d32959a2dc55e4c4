package main

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"

	"connectrpc.com/connect"
	connect2 "connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/tap"

	"github.com/oidcrpc/oidcrpc/connectauth"
	connectauth2 "github.com/oidcrpc/oidcrpc/connectauth/v2"
	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connect"
	greetv1connect2 "github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connectv2"
	"github.com/oidcrpc/oidcrpc/grpcauth"
	"github.com/oidcrpc/oidcrpc/interceptor"
)

// servers are one for each framework, over TLS.
type servers struct {
	grpc     *grpc.Server
	grpcAddr string
	v1, v2   *httptest.Server

	arrived atomic.Int64 // calls
}

func (s *servers) start(auth *interceptor.Authenticator) error {
	mux := http.NewServeMux()
	mux.Handle(greetv1connect.NewGreetServiceHandler(v1Greeter{},
		connect.WithInterceptors(connectauth.NewInterceptor(auth))))
	s.v1 = s.serve(mux)

	server := connect2.NewServer(connectauth2.NewServerInterceptor(auth))
	greetv1connect2.RegisterGreetServiceHandler(server, v2Greeter{})
	mux2 := http.NewServeMux()
	connecthttp.Mount(mux2, server)
	s.v2 = s.serve(mux2)

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.grpcAddr = listener.Addr().String()
	s.grpc = grpc.NewServer(append(grpcauth.ServerOptions(auth),
		grpc.Creds(credentials.NewServerTLSFromCert(&s.v1.TLS.Certificates[0])),
		grpc.InTapHandle(s.tap))...)
	greetv1.RegisterGreetServiceServer(s.grpc, grpcGreeter{})
	go func() { _ = s.grpc.Serve(listener) }()
	return nil
}

func (s *servers) serve(handler http.Handler) *httptest.Server {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.arrived.Add(1)
		handler.ServeHTTP(w, r)
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	return server
}

func (s *servers) tap(ctx context.Context, _ *tap.Info) (context.Context, error) {
	s.arrived.Add(1)
	return ctx, nil
}

func (s *servers) close() {
	s.grpc.Stop()
	s.v1.Close()
	s.v2.Close()
}

type grpcGreeter struct {
	greetv1.UnimplementedGreetServiceServer
}

func (grpcGreeter) Greet(context.Context, *greetv1.GreetRequest) (*greetv1.GreetResponse, error) {
	return &greetv1.GreetResponse{}, nil
}

func (grpcGreeter) Watch(_ *greetv1.WatchRequest, stream grpc.ServerStreamingServer[greetv1.WatchResponse]) error {
	return stream.Send(&greetv1.WatchResponse{})
}

type v1Greeter struct {
	greetv1connect.UnimplementedGreetServiceHandler
}

func (v1Greeter) Greet(context.Context, *connect.Request[greetv1.GreetRequest]) (*connect.Response[greetv1.GreetResponse], error) {
	return connect.NewResponse(&greetv1.GreetResponse{}), nil
}

func (v1Greeter) Watch(_ context.Context, _ *connect.Request[greetv1.WatchRequest], stream *connect.ServerStream[greetv1.WatchResponse]) error {
	return stream.Send(&greetv1.WatchResponse{})
}

type v2Greeter struct {
	greetv1connect2.UnimplementedGreetServiceHandler
}

func (v2Greeter) Greet(context.Context, *greetv1.GreetRequest) (*greetv1.GreetResponse, error) {
	return &greetv1.GreetResponse{}, nil
}

func (v2Greeter) Watch(_ context.Context, _ *greetv1.WatchRequest, stream greetv1connect2.GreetServiceWatchServerStream) error {
	return stream.Send(&greetv1.WatchResponse{})
}
