package wire_test

import (
	"context"
	"errors"

	"connectrpc.com/connect/v2"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	connectauth "github.com/oidcrpc/oidcrpc/connectauth/v2"
	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	greetv1connect "github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connectv2"
)

type connectV2Service struct{ *service }

func (s connectV2Service) Greet(ctx context.Context, _ *greetv1.GreetRequest) (*greetv1.GreetResponse, error) {
	if err := s.playConnectV2(ctx, stream{}); err != nil {
		return nil, err
	}
	return &greetv1.GreetResponse{}, nil
}

func (s connectV2Service) Watch(
	ctx context.Context, _ *greetv1.WatchRequest, server greetv1connect.GreetServiceWatchServerStream,
) error {
	return s.playConnectV2(ctx, stream{
		send:       func() error { return server.Send(&greetv1.WatchResponse{}) },
		sendHeader: server.SendHeaders,
	})
}

func (s connectV2Service) Collect(
	ctx context.Context, client greetv1connect.GreetServiceCollectServerStream,
) (*greetv1.CollectResponse, error) {
	err := s.playConnectV2(ctx, stream{
		receive: func() error { _, err := client.Receive(); return err },
	})
	return &greetv1.CollectResponse{}, err
}

func (s connectV2Service) Converse(ctx context.Context, bidi greetv1connect.GreetServiceConverseServerStream) error {
	return s.playConnectV2(ctx, stream{
		receive:     func() error { _, err := bidi.Receive(); return err },
		receiveInto: func(m proto.Message) error { return ctx.Value(streamKey{}).(connect.ServerStream).Receive(m) },
		send:        func() error { return bidi.Send(&greetv1.ConverseResponse{}) },
		sendHeader:  bidi.SendHeaders,
	})
}

func (s connectV2Service) playConnectV2(ctx context.Context, stream stream) error {
	info, ok := connect.CallInfoForServerContext(ctx)
	if !ok {
		return errors.New("the call has no info")
	}
	stream.codeOf = func(err error) codes.Code { return codes.Code(connect.CodeOf(err)) }
	stream.refuse = connectauth.Refuse
	return s.play(ctx, info.RequestHeader().Get(scriptHeader), stream)
}

type streamKey struct{}

// withStream shows the handler its stream, which generated code hides.
func withStream(next connect.ServerFunc) connect.ServerFunc {
	return func(ctx context.Context, spec connect.Spec, stream connect.ServerStream) error {
		return next(context.WithValue(ctx, streamKey{}, stream), spec, stream)
	}
}
