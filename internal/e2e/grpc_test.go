package e2e_test

import (
	"context"
	"net"
	"slices"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/grpcauth"
	"github.com/oidcrpc/oidcrpc/interceptor"
)

// startGRPC serves the greeting service by grpc-go.
func startGRPC(t *testing.T, auth *interceptor.Authenticator) caller {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpcauth.ServerOptions(auth)...)
	greetv1.RegisterGreetServiceServer(server, grpcService{})
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	conn, err := grpc.NewClient(listener.Addr().String(),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
		server.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return grpcCaller{greetv1.NewGreetServiceClient(conn)}
}

type grpcCaller struct{ client greetv1.GreetServiceClient }

func (c grpcCaller) greet(ctx context.Context, token string) outcome {
	var header, trailer metadata.MD
	res, err := c.client.Greet(withToken(ctx, token), &greetv1.GreetRequest{},
		grpc.Header(&header), grpc.Trailer(&trailer))
	return grpcOutcome(res.GetGreeting(), err, header, trailer)
}

func (c grpcCaller) watch(ctx context.Context, token string) outcome {
	return c.receiveAll(ctx, token, &greetv1.WatchRequest{Count: 1})
}

func (c grpcCaller) watchOn(ctx context.Context, token string) outcome {
	return c.receiveAll(ctx, token, &greetv1.WatchRequest{})
}

func (c grpcCaller) receiveAll(ctx context.Context, token string, req *greetv1.WatchRequest) outcome {
	stream, err := c.client.Watch(withToken(ctx, token), req)
	if err != nil {
		return grpcOutcome("", err, nil, nil)
	}
	res, err := stream.Recv()
	if err == nil {
		_, err = stream.Recv()
	}
	return grpcStreamOutcome(res.GetGreeting(), err, stream)
}

func (c grpcCaller) collect(ctx context.Context, token string) outcome {
	stream, err := c.client.Collect(withToken(ctx, token))
	if err != nil {
		return grpcOutcome("", err, nil, nil)
	}
	_ = stream.Send(&greetv1.CollectRequest{}) // CloseAndRecv tells more
	res, err := stream.CloseAndRecv()
	return grpcStreamOutcome(firstOf(res.GetNames()), err, stream)
}

func (c grpcCaller) converse(ctx context.Context, token string) outcome {
	stream, err := c.client.Converse(withToken(ctx, token))
	if err != nil {
		return grpcOutcome("", err, nil, nil)
	}
	_ = stream.Send(&greetv1.ConverseRequest{}) // Recv tells more
	res, err := stream.Recv()
	if err == nil {
		_ = stream.CloseSend()
		_, err = stream.Recv()
	}
	return grpcStreamOutcome(res.GetGreeting(), err, stream)
}

func withToken(ctx context.Context, token string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
}

// grpcStreamOutcome is for a stream whose last Recv returned err.
func grpcStreamOutcome(identity string, err error, stream grpc.ClientStream) outcome {
	header, _ := stream.Header() // err tells more
	return grpcOutcome(identity, withoutEOF(err), header, stream.Trailer())
}

func grpcOutcome(identity string, err error, header, trailer metadata.MD) outcome {
	o := outcome{
		err:        err,
		identity:   identity,
		code:       status.Code(err),
		challenges: slices.Concat(header.Get("www-authenticate"), trailer.Get("www-authenticate")),
	}
	for _, detail := range status.Convert(err).Details() {
		o.addDetail(detail)
	}
	return o
}
