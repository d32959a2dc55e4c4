package greet

import (
	"context"
	"errors"
	"io"

	"connectrpc.com/connect/v2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/reflection"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"

	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
)

// registerReflection lets tools ask a Connect server what it serves, as grpc-go's reflection
// does for its own.
func registerReflection(server *connect.Server) {
	described := reflection.NewServerV1(reflection.ServerOptions{Services: served{}})
	server.Register(connect.Method{
		Spec: connect.Spec{
			Procedure:  reflectionv1.ServerReflection_ServerReflectionInfo_FullMethodName,
			StreamType: connect.StreamTypeBidi,
		},
		Handler: func(ctx context.Context, _ connect.Spec, stream connect.ServerStream) error {
			return described.ServerReflectionInfo(reflectionStream{ctx: ctx, stream: stream})
		},
	})
}

// served lists what reflection describes.
type served struct{}

func (served) GetServiceInfo() map[string]grpc.ServiceInfo {
	return map[string]grpc.ServiceInfo{greetv1.GreetService_ServiceDesc.ServiceName: {}}
}

// A reflectionStream is a Connect stream under grpc-go's name for it.
type reflectionStream struct {
	grpc.ServerStream

	ctx    context.Context //nolint:containedctx // a stream carries the context of its call
	stream connect.ServerStream
}

func (s reflectionStream) Context() context.Context { return s.ctx }

func (s reflectionStream) Recv() (*reflectionv1.ServerReflectionRequest, error) {
	req := &reflectionv1.ServerReflectionRequest{}
	err := s.stream.Receive(req)
	if errors.Is(err, io.EOF) {
		err = io.EOF // grpc-go compares it
	}
	return req, err
}

func (s reflectionStream) Send(res *reflectionv1.ServerReflectionResponse) error {
	return s.stream.Send(res)
}
