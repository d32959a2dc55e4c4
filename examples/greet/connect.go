package greet

import (
	"context"
	"net/http"

	"connectrpc.com/connect"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/oidcrpc/oidcrpc/connectauth"
	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connect"
	"github.com/oidcrpc/oidcrpc/interceptor"
)

// NewConnectHandler returns an HTTP handler for the greeting and health services,
// secured by auth, for the Connect, gRPC and gRPC-Web protocols.
func NewConnectHandler(auth *interceptor.Authenticator) http.Handler {
	secured := connect.WithInterceptors(connectauth.NewInterceptor(auth))
	mux := http.NewServeMux()
	mux.Handle(greetv1connect.NewGreetServiceHandler(connectService{}, secured))
	mux.Handle(healthv1.Health_Check_FullMethodName, connect.NewUnaryHandler(
		healthv1.Health_Check_FullMethodName, checkHealth, secured))
	return connectauth.NewMiddleware(auth).Wrap(mux)
}

type connectService struct{}

func (connectService) Greet(
	ctx context.Context, req *connect.Request[greetv1.GreetRequest],
) (*connect.Response[greetv1.GreetResponse], error) {
	return connect.NewResponse(&greetv1.GreetResponse{Greeting: greeting(ctx, req.Msg.GetName())}), nil
}

func (connectService) Watch(
	ctx context.Context,
	req *connect.Request[greetv1.WatchRequest],
	stream *connect.ServerStream[greetv1.WatchResponse],
) error {
	return watch(ctx, req.Msg, stream.Send)
}

func (connectService) Collect(
	_ context.Context, stream *connect.ClientStream[greetv1.CollectRequest],
) (*connect.Response[greetv1.CollectResponse], error) {
	res := &greetv1.CollectResponse{}
	for stream.Receive() {
		res.Names = append(res.Names, stream.Msg().GetName())
	}
	return connect.NewResponse(res), stream.Err()
}

func (connectService) Converse(
	ctx context.Context, stream *connect.BidiStream[greetv1.ConverseRequest, greetv1.ConverseResponse],
) error {
	return converse(ctx, stream.Receive, stream.Send)
}

func checkHealth(
	context.Context, *connect.Request[healthv1.HealthCheckRequest],
) (*connect.Response[healthv1.HealthCheckResponse], error) {
	return connect.NewResponse(&healthv1.HealthCheckResponse{
		Status: healthv1.HealthCheckResponse_SERVING,
	}), nil
}
