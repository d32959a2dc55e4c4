package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"io"

	"connectrpc.com/connect"
	"google.golang.org/grpc"

	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/interceptor"
)

// identity is what a handler sees of its caller.
func identity(ctx context.Context) string {
	claims, ok := interceptor.ClaimsFromContext(ctx)
	if !ok {
		return "a stranger"
	}
	return fmt.Sprintf("iss=%s sub=%s client_id=%s aud=%q scope=%q jti=%s",
		claims.Issuer(), claims.Subject(), claims.ClientID(), claims.Audience(), claims.Scopes(), claims.ID())
}

// watch tells the caller's identity once, or when no count is given, once and then
// waits for the end of the call.
func watch(ctx context.Context, req *greetv1.WatchRequest, send func(*greetv1.WatchResponse) error) error {
	if err := send(&greetv1.WatchResponse{Greeting: identity(ctx)}); err != nil {
		return err
	}
	if req.GetCount() == 0 {
		<-ctx.Done()
	}
	return nil
}

func converse(
	ctx context.Context,
	receive func() (*greetv1.ConverseRequest, error),
	send func(*greetv1.ConverseResponse) error,
) error {
	for {
		_, err := receive()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := send(&greetv1.ConverseResponse{Greeting: identity(ctx)}); err != nil {
			return err
		}
	}
}

// grpcService answers every call with its caller's identity.
type grpcService struct {
	greetv1.UnimplementedGreetServiceServer
}

func (grpcService) Greet(ctx context.Context, _ *greetv1.GreetRequest) (*greetv1.GreetResponse, error) {
	return &greetv1.GreetResponse{Greeting: identity(ctx)}, nil
}

func (grpcService) Watch(req *greetv1.WatchRequest, stream grpc.ServerStreamingServer[greetv1.WatchResponse]) error {
	return watch(stream.Context(), req, stream.Send)
}

func (grpcService) Collect(stream grpc.ClientStreamingServer[greetv1.CollectRequest, greetv1.CollectResponse]) error {
	for {
		_, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return stream.SendAndClose(&greetv1.CollectResponse{Names: []string{identity(stream.Context())}})
		}
		if err != nil {
			return err
		}
	}
}

func (grpcService) Converse(stream grpc.BidiStreamingServer[greetv1.ConverseRequest, greetv1.ConverseResponse]) error {
	return converse(stream.Context(), stream.Recv, stream.Send)
}

// connectService answers every call with its caller's identity.
type connectService struct{}

func (connectService) Greet(
	ctx context.Context, _ *connect.Request[greetv1.GreetRequest],
) (*connect.Response[greetv1.GreetResponse], error) {
	return connect.NewResponse(&greetv1.GreetResponse{Greeting: identity(ctx)}), nil
}

func (connectService) Watch(
	ctx context.Context, req *connect.Request[greetv1.WatchRequest], stream *connect.ServerStream[greetv1.WatchResponse],
) error {
	return watch(ctx, req.Msg, stream.Send)
}

func (connectService) Collect(
	ctx context.Context, stream *connect.ClientStream[greetv1.CollectRequest],
) (*connect.Response[greetv1.CollectResponse], error) {
	for stream.Receive() {
	}
	return connect.NewResponse(&greetv1.CollectResponse{Names: []string{identity(ctx)}}), stream.Err()
}

func (connectService) Converse(
	ctx context.Context, stream *connect.BidiStream[greetv1.ConverseRequest, greetv1.ConverseResponse],
) error {
	return converse(ctx, stream.Receive, stream.Send)
}
