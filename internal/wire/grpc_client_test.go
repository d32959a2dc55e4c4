package wire_test

import (
	"context"
	"io"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
)

// grpcClient is grpc-go's.
type grpcClient struct{ greetv1.GreetServiceClient }

func dialGRPC(t *testing.T, s *server) client {
	t.Helper()
	conn, err := grpc.NewClient(s.addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return grpcClient{greetv1.NewGreetServiceClient(conn)}
}

func (c grpcClient) do(ctx context.Context, call call) answer {
	ctx = metadata.NewOutgoingContext(ctx, metadata.Join(
		metadata.MD{"authorization": call.authorization, "dpop": call.proofs},
		metadata.Pairs(scriptHeader, call.script),
	))
	switch call.kind {
	case serverStream:
		return c.watch(ctx)
	case clientStream:
		return c.collect(ctx, call.hold)
	case bidiStream:
		return c.converse(ctx, call.hold)
	default:
		return c.greet(ctx)
	}
}

func (c grpcClient) greet(ctx context.Context) answer {
	var header, trailer metadata.MD
	_, err := c.Greet(ctx, &greetv1.GreetRequest{}, grpc.Header(&header), grpc.Trailer(&trailer))
	return grpcAnswer(header, trailer, err)
}

func (c grpcClient) watch(ctx context.Context) answer {
	stream, err := c.Watch(ctx, &greetv1.WatchRequest{})
	if err != nil {
		return grpcAnswer(nil, nil, err)
	}
	return endOf(stream, func() error { _, err := stream.Recv(); return err })
}

func (c grpcClient) collect(ctx context.Context, hold bool) answer {
	stream, err := c.Collect(ctx)
	if err != nil {
		return grpcAnswer(nil, nil, err)
	}
	_ = stream.Send(&greetv1.CollectRequest{}) // the receive tells more
	if !hold {
		_ = stream.CloseSend()
	}
	err = stream.RecvMsg(&greetv1.CollectResponse{})
	header, _ := stream.Header()
	return grpcAnswer(header, stream.Trailer(), err)
}

func (c grpcClient) converse(ctx context.Context, hold bool) answer {
	stream, err := c.Converse(ctx)
	if err != nil {
		return grpcAnswer(nil, nil, err)
	}
	_ = stream.Send(&greetv1.ConverseRequest{})
	if !hold {
		_ = stream.CloseSend()
	}
	return endOf(stream, func() error { _, err := stream.Recv(); return err })
}

func endOf(stream grpc.ClientStream, receive func() error) answer {
	messages := 0
	err := receive()
	for ; err == nil; err = receive() {
		messages++
	}
	if err == io.EOF { //nolint:errorlint // a wrapped one isn't the good end
		err = nil
	}
	header, _ := stream.Header()
	a := grpcAnswer(header, stream.Trailer(), err)
	a.messages = messages
	return a
}

func grpcAnswer(header, trailer metadata.MD, err error) answer {
	s := status.Convert(err)
	a := answer{
		code:     s.Code(),
		message:  s.Message(),
		inHeader: header.Get("www-authenticate"),
		inAll:    metadata.Join(header, trailer).Get("www-authenticate"),
		bare:     header.Len() == 0,

		nonceInHeader: header.Get("dpop-nonce"),
		nonceInAll:    metadata.Join(header, trailer).Get("dpop-nonce"),
	}
	for _, detail := range s.Details() {
		message, _ := detail.(proto.Message) // nil is an unknown detail
		a.details = append(a.details, message)
	}
	return a
}
