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

// NewConnectV1Handler does with connect-go v1 what [NewConnectHandler] does with v2.
func NewConnectV1Handler(auth *interceptor.Authenticator) http.Handler {
	secured := connect.WithInterceptors(connectauth.NewInterceptor(auth))
	mux := http.NewServeMux()
	mux.Handle(greetv1connect.NewGreetServiceHandler(connectV1Service{}, secured))
	mux.Handle(healthv1.Health_Check_FullMethodName, connect.NewUnaryHandler(
		healthv1.Health_Check_FullMethodName, checkHealthV1, secured))
	return connectauth.NewMiddleware(auth).Wrap(mux)
}

type connectV1Service struct{}

func (connectV1Service) Greet(
	ctx context.Context, req *connect.Request[greetv1.GreetRequest],
) (*connect.Response[greetv1.GreetResponse], error) {
	return connect.NewResponse(&greetv1.GreetResponse{Greeting: greeting(ctx, req.Msg.GetName())}), nil
}

func (connectV1Service) Watch(
	ctx context.Context,
	req *connect.Request[greetv1.WatchRequest],
	stream *connect.ServerStream[greetv1.WatchResponse],
) error {
	return watch(ctx, req.Msg, stream.Send)
}

func (connectV1Service) Collect(
	_ context.Context, stream *connect.ClientStream[greetv1.CollectRequest],
) (*connect.Response[greetv1.CollectResponse], error) {
	res := &greetv1.CollectResponse{}
	for stream.Receive() {
		res.Names = append(res.Names, stream.Msg().GetName())
	}
	return connect.NewResponse(res), stream.Err()
}

func (connectV1Service) Converse(
	ctx context.Context, stream *connect.BidiStream[greetv1.ConverseRequest, greetv1.ConverseResponse],
) error {
	return converse(ctx, stream.Receive, stream.Send)
}

func checkHealthV1(
	context.Context, *connect.Request[healthv1.HealthCheckRequest],
) (*connect.Response[healthv1.HealthCheckResponse], error) {
	return connect.NewResponse(&healthv1.HealthCheckResponse{
		Status: healthv1.HealthCheckResponse_SERVING,
	}), nil
}
