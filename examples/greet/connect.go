package greet

import (
	"context"
	"errors"
	"io"
	"net/http"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	connectauth "github.com/oidcrpc/oidcrpc/connectauth/v2"
	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	greetv1connect "github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connectv2"
	"github.com/oidcrpc/oidcrpc/interceptor"
)

// NewConnectHandler returns an HTTP handler for the greeting, health and
// reflection services, secured by auth, for the Connect, gRPC and gRPC-Web protocols.
func NewConnectHandler(auth *interceptor.Authenticator) http.Handler {
	mux := http.NewServeMux()
	connecthttp.Mount(mux, NewConnectServer(auth))
	return mux
}

// NewConnectServer returns the server behind [NewConnectHandler].
func NewConnectServer(auth *interceptor.Authenticator) *connect.Server {
	server := connect.NewServer(connectauth.NewServerInterceptor(auth))
	greetv1connect.RegisterGreetServiceHandler(server, connectService{})
	server.Register(connect.Method{
		Spec:    connect.Spec{Procedure: healthv1.Health_Check_FullMethodName, StreamType: connect.StreamTypeUnary},
		Handler: checkHealth,
	})
	registerReflection(server)
	return server
}

type connectService struct{}

func (connectService) Greet(ctx context.Context, req *greetv1.GreetRequest) (*greetv1.GreetResponse, error) {
	return &greetv1.GreetResponse{Greeting: greeting(ctx, req.GetName())}, nil
}

func (connectService) Watch(
	ctx context.Context, req *greetv1.WatchRequest, stream greetv1connect.GreetServiceWatchServerStream,
) error {
	return watch(ctx, req, stream.Send)
}

func (connectService) Collect(
	_ context.Context, stream greetv1connect.GreetServiceCollectServerStream,
) (*greetv1.CollectResponse, error) {
	res := &greetv1.CollectResponse{}
	for {
		req, err := stream.Receive()
		if errors.Is(err, io.EOF) {
			return res, nil
		}
		if err != nil {
			return nil, err
		}
		res.Names = append(res.Names, req.GetName())
	}
}

func (connectService) Converse(ctx context.Context, stream greetv1connect.GreetServiceConverseServerStream) error {
	return converse(ctx, stream.Receive, stream.Send)
}

func checkHealth(_ context.Context, _ connect.Spec, stream connect.ServerStream) error {
	if err := stream.Receive(&healthv1.HealthCheckRequest{}); err != nil {
		return err
	}
	return stream.Send(&healthv1.HealthCheckResponse{Status: healthv1.HealthCheckResponse_SERVING})
}
