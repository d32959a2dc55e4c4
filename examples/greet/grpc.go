package greet

import (
	"context"
	"errors"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"

	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/grpcauth"
	"github.com/oidcrpc/oidcrpc/interceptor"
)

// NewGRPCServer returns a grpc-go server for the greeting, health and reflection
// services, secured by auth. The options can add TLS.
func NewGRPCServer(auth *interceptor.Authenticator, options ...grpc.ServerOption) *grpc.Server {
	server := grpc.NewServer(append(options,
		grpc.ChainUnaryInterceptor(grpcauth.UnaryServerInterceptor(auth)),
		grpc.ChainStreamInterceptor(grpcauth.StreamServerInterceptor(auth)),
	)...)
	greetv1.RegisterGreetServiceServer(server, grpcService{})
	healthv1.RegisterHealthServer(server, health.NewServer())
	reflection.Register(server)
	return server
}

type grpcService struct {
	greetv1.UnimplementedGreetServiceServer
}

func (grpcService) Greet(ctx context.Context, req *greetv1.GreetRequest) (*greetv1.GreetResponse, error) {
	return &greetv1.GreetResponse{Greeting: greeting(ctx, req.GetName())}, nil
}

func (grpcService) Watch(req *greetv1.WatchRequest, stream grpc.ServerStreamingServer[greetv1.WatchResponse]) error {
	return watch(stream.Context(), req, stream.Send)
}

func (grpcService) Collect(stream grpc.ClientStreamingServer[greetv1.CollectRequest, greetv1.CollectResponse]) error {
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

func (grpcService) Converse(stream grpc.BidiStreamingServer[greetv1.ConverseRequest, greetv1.ConverseResponse]) error {
	return converse(stream.Context(), stream.Recv, stream.Send)
}
