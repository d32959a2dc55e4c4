package wire_test

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/grpcauth"
)

type grpcService struct {
	greetv1.UnimplementedGreetServiceServer
	*service
}

func (s grpcService) Greet(ctx context.Context, _ *greetv1.GreetRequest) (*greetv1.GreetResponse, error) {
	if err := s.playGRPC(ctx, stream{}); err != nil {
		return nil, err
	}
	return &greetv1.GreetResponse{}, nil
}

func (s grpcService) Watch(_ *greetv1.WatchRequest, ss grpc.ServerStreamingServer[greetv1.WatchResponse]) error {
	return s.playGRPC(ss.Context(), stream{
		send:       func() error { return ss.Send(&greetv1.WatchResponse{}) },
		sendHeader: func() error { return ss.SendHeader(nil) },
	})
}

func (s grpcService) Collect(ss grpc.ClientStreamingServer[greetv1.CollectRequest, greetv1.CollectResponse]) error {
	err := s.playGRPC(ss.Context(), stream{
		receive: func() error { _, err := ss.Recv(); return err },
	})
	if err != nil {
		return err
	}
	return ss.SendAndClose(&greetv1.CollectResponse{})
}

func (s grpcService) Converse(ss grpc.BidiStreamingServer[greetv1.ConverseRequest, greetv1.ConverseResponse]) error {
	return s.playGRPC(ss.Context(), stream{
		receive:     func() error { _, err := ss.Recv(); return err },
		receiveInto: func(m proto.Message) error { return ss.RecvMsg(m) },
		send:        func() error { return ss.Send(&greetv1.ConverseResponse{}) },
		sendHeader:  func() error { return ss.SendHeader(nil) },
	})
}

func (s grpcService) playGRPC(ctx context.Context, stream stream) error {
	stream.codeOf = status.Code
	stream.refuse = grpcauth.Refuse
	name := metadata.ValueFromIncomingContext(ctx, scriptHeader)[0]
	return s.play(ctx, name, stream)
}
