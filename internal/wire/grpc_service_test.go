package wire_test

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
)

type grpcService struct {
	greetv1.UnimplementedGreetServiceServer
	*service
}

func (s grpcService) Greet(context.Context, *greetv1.GreetRequest) (*greetv1.GreetResponse, error) {
	s.ran.Add(1)
	return &greetv1.GreetResponse{}, nil
}

func (s grpcService) Watch(_ *greetv1.WatchRequest, ss grpc.ServerStreamingServer[greetv1.WatchResponse]) error {
	return s.playGRPC(ss, stream{
		send: func() error { return ss.Send(&greetv1.WatchResponse{}) },
	})
}

func (s grpcService) Collect(ss grpc.ClientStreamingServer[greetv1.CollectRequest, greetv1.CollectResponse]) error {
	err := s.playGRPC(ss, stream{
		receive: func() error { _, err := ss.Recv(); return err },
	})
	if err != nil {
		return err
	}
	return ss.SendAndClose(&greetv1.CollectResponse{})
}

func (s grpcService) Converse(ss grpc.BidiStreamingServer[greetv1.ConverseRequest, greetv1.ConverseResponse]) error {
	return s.playGRPC(ss, stream{
		receive:     func() error { _, err := ss.Recv(); return err },
		receiveInto: func(m proto.Message) error { return ss.RecvMsg(m) },
		send:        func() error { return ss.Send(&greetv1.ConverseResponse{}) },
	})
}

func (s grpcService) playGRPC(ss grpc.ServerStream, stream stream) error {
	stream.sendHeader = func() error { return ss.SendHeader(nil) }
	stream.codeOf = status.Code
	name := metadata.ValueFromIncomingContext(ss.Context(), scriptHeader)[0]
	return s.play(ss.Context(), name, stream)
}
