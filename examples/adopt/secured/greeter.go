package main

import (
	"context"
	"errors"
	"io"

	"buf.build/go/protovalidate"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	greetv1connect "github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connectv2"
	"github.com/oidcrpc/oidcrpc/interceptor"
)

func greeting(ctx context.Context, name string) string {
	claims, _ := interceptor.ClaimsFromContext(ctx)
	return "Hello, " + name + ", from " + claims.Subject() + "!"
}

// A grpcGreeter greets over gRPC.
type grpcGreeter struct {
	greetv1.UnimplementedGreetServiceServer
}

func (grpcGreeter) Greet(ctx context.Context, req *greetv1.GreetRequest) (*greetv1.GreetResponse, error) {
	return &greetv1.GreetResponse{Greeting: greeting(ctx, req.GetName())}, nil
}

func (grpcGreeter) Watch(req *greetv1.WatchRequest, stream grpc.ServerStreamingServer[greetv1.WatchResponse]) error {
	for range req.GetCount() {
		if err := stream.Send(&greetv1.WatchResponse{Greeting: greeting(stream.Context(), req.GetName())}); err != nil {
			return err
		}
	}
	return nil
}

func (grpcGreeter) Collect(stream grpc.ClientStreamingServer[greetv1.CollectRequest, greetv1.CollectResponse]) error {
	res := &greetv1.CollectResponse{}
	for {
		req, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return stream.SendAndClose(res)
		}
		if err != nil {
			return err
		}
		res.Names = append(res.Names, req.GetName())
	}
}

// A connectGreeter greets over Connect.
type connectGreeter struct {
	greetv1connect.UnimplementedGreetServiceHandler
}

func (connectGreeter) Greet(ctx context.Context, req *greetv1.GreetRequest) (*greetv1.GreetResponse, error) {
	return &greetv1.GreetResponse{Greeting: greeting(ctx, req.GetName())}, nil
}

func (connectGreeter) Watch(
	ctx context.Context, req *greetv1.WatchRequest, stream greetv1connect.GreetServiceWatchServerStream,
) error {
	for range req.GetCount() {
		if err := stream.Send(&greetv1.WatchResponse{Greeting: greeting(ctx, req.GetName())}); err != nil {
			return err
		}
	}
	return nil
}

func (connectGreeter) Collect(
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

// names asks that each name has a few bytes at most. The rule would stand in the proto, if it
// were this module's own.
type names struct{}

func (names) Validate(msg proto.Message, _ ...protovalidate.ValidationOption) error {
	if named, ok := msg.(interface{ GetName() string }); ok && len(named.GetName()) > 40 {
		return &protovalidate.ValidationError{}
	}
	return nil
}
