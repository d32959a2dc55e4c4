package main

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/grpcauth"
)

func startBufconn(g guard, token string) (client, error) {
	listener := bufconn.Listen(1 << 20)
	dial := grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
		return listener.DialContext(ctx)
	})
	return startGRPC(g, token, listener, "passthrough:bufconn", dial)
}

func startTCP(g guard, token string) (client, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return startGRPC(g, token, listener, listener.Addr().String())
}

type grpcClient struct {
	greetv1.GreetServiceClient

	token  string
	conn   *grpc.ClientConn
	server *grpc.Server
}

func startGRPC(
	g guard, token string, listener net.Listener, target string, options ...grpc.DialOption,
) (client, error) {
	server := grpc.NewServer(serverOptions(g)...)
	greetv1.RegisterGreetServiceServer(server, grpcEcho{})
	go func() { _ = server.Serve(listener) }()
	options = append(options, grpc.WithTransportCredentials(insecure.NewCredentials()))
	conn, err := grpc.NewClient(target, options...)
	if err != nil {
		return nil, err
	}
	return &grpcClient{greetv1.NewGreetServiceClient(conn), token, conn, server}, nil
}

func serverOptions(g guard) []grpc.ServerOption {
	switch {
	case g.auth != nil:
		return grpcauth.ServerOptions(g.auth)
	case g.peer != nil:
		return []grpc.ServerOption{
			grpc.UnaryInterceptor(func(
				ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler,
			) (any, error) {
				if err := checkByPeer(ctx, g.peer); err != nil {
					return nil, err
				}
				return handler(ctx, req)
			}),
			grpc.StreamInterceptor(func(
				srv any, ss grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler,
			) error {
				if err := checkByPeer(ss.Context(), g.peer); err != nil {
					return err
				}
				return handler(srv, ss)
			}),
		}
	default:
		return nil
	}
}

// checkByPeer is what you write around a library that knows tokens but no calls.
func checkByPeer(ctx context.Context, peer verify) error {
	values := metadata.ValueFromIncomingContext(ctx, "authorization")
	if len(values) != 1 {
		return status.Error(codes.Unauthenticated, "no token")
	}
	token, _ := strings.CutPrefix(values[0], "Bearer ")
	if err := peer(ctx, &sample{token: token}); err != nil {
		return status.Error(codes.Unauthenticated, "a bad token")
	}
	return nil
}

func (c *grpcClient) close() {
	_ = c.conn.Close()
	c.server.Stop()
}

func (c *grpcClient) authorize(ctx context.Context) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+c.token)
}

func (c *grpcClient) unary(ctx context.Context) error {
	_, err := c.Greet(c.authorize(ctx), greetRequest)
	return err
}

func (c *grpcClient) upload(ctx context.Context, messages int) error {
	stream, err := c.Collect(c.authorize(ctx))
	if err != nil {
		return err
	}
	for range messages {
		if err := stream.Send(collectRequest); err != nil {
			break // CloseAndRecv tells why
		}
	}
	_, err = stream.CloseAndRecv()
	return err
}

func (c *grpcClient) download(ctx context.Context, _ int) error {
	stream, err := c.Watch(c.authorize(ctx), watchRequest)
	if err != nil {
		return err
	}
	for count := 0; ; count++ {
		_, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return checkCount(count)
		}
		if err != nil {
			return err
		}
	}
}

type grpcEcho struct {
	greetv1.UnimplementedGreetServiceServer
}

func (grpcEcho) Greet(_ context.Context, req *greetv1.GreetRequest) (*greetv1.GreetResponse, error) {
	return &greetv1.GreetResponse{Greeting: req.GetName()}, nil
}

func (grpcEcho) Collect(stream grpc.ClientStreamingServer[greetv1.CollectRequest, greetv1.CollectResponse]) error {
	for count := 0; ; count++ {
		_, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			if err := checkCount(count); err != nil {
				return err
			}
			return stream.SendAndClose(&greetv1.CollectResponse{})
		}
		if err != nil {
			return err
		}
	}
}

func (grpcEcho) Watch(req *greetv1.WatchRequest, stream grpc.ServerStreamingServer[greetv1.WatchResponse]) error {
	res := &greetv1.WatchResponse{Greeting: req.GetName()}
	for range req.GetCount() {
		if err := stream.Send(res); err != nil {
			return err
		}
	}
	return nil
}
