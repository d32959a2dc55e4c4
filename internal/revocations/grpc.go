package main

import (
	"context"
	"net"
	"strconv"
	"sync"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/grpcauth"
	"github.com/oidcrpc/oidcrpc/interceptor"
)

// perConnection is how many streams share a connection.
const perConnection = 1000

// A stack is a framework's server and client.
type stack struct {
	name     string
	start    func(*interceptor.Authenticator, *hub) (conn, error)
	reasonOf func(error) string // of the refusal in a client's error
}

var stacks = []stack{
	{"grpc-go", startGRPC, grpcReason},
	{"connect-go v1", startConnect, connectReason},
	{"connect-go v2", startConnectV2, connectV2Reason},
}

// A conn is a server with its clients. It opens a connection for every thousand streams.
type conn interface {
	greet(ctx context.Context, token string) error
	watch(ctx context.Context, token string, id int) (receive func() (string, error), err error)
	close()
}

type grpcGreeter struct {
	greetv1.UnimplementedGreetServiceServer

	hub *hub
}

func (grpcGreeter) Greet(context.Context, *greetv1.GreetRequest) (*greetv1.GreetResponse, error) {
	return &greetv1.GreetResponse{}, nil
}

func (g grpcGreeter) Watch(req *greetv1.WatchRequest, s grpc.ServerStreamingServer[greetv1.WatchResponse]) error {
	id, err := strconv.Atoi(req.GetName())
	if err != nil {
		return errNoID
	}
	return g.hub.serve(s.Context(), id, func(text string) error { return s.Send(&greetv1.WatchResponse{Greeting: text}) })
}

type grpcConn struct {
	server  *grpc.Server
	address string
	serving sync.WaitGroup

	mu      sync.Mutex
	clients []*grpc.ClientConn
	opened  int
}

func startGRPC(auth *interceptor.Authenticator, hub *hub) (conn, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	c := &grpcConn{server: grpc.NewServer(grpcauth.ServerOptions(auth)...), address: listener.Addr().String()}
	greetv1.RegisterGreetServiceServer(c.server, grpcGreeter{hub: hub})
	c.serving.Go(func() { _ = c.server.Serve(listener) })
	return c, nil
}

// client returns the first connection for calls, and the newest one for streams.
func (c *grpcConn) client(isStream bool) (greetv1.GreetServiceClient, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.clients) == 0 || isStream && c.opened%perConnection == 0 {
		client, err := grpc.NewClient(c.address, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			return nil, err
		}
		c.clients = append(c.clients, client)
	}
	if !isStream {
		return greetv1.NewGreetServiceClient(c.clients[0]), nil
	}
	c.opened++
	return greetv1.NewGreetServiceClient(c.clients[len(c.clients)-1]), nil
}

func (c *grpcConn) greet(ctx context.Context, token string) error {
	client, err := c.client(false)
	if err != nil {
		return err
	}
	_, err = client.Greet(withToken(ctx, token), &greetv1.GreetRequest{})
	return err
}

func (c *grpcConn) watch(ctx context.Context, token string, id int) (func() (string, error), error) {
	client, err := c.client(true)
	if err != nil {
		return nil, err
	}
	s, err := client.Watch(withToken(ctx, token), &greetv1.WatchRequest{Name: strconv.Itoa(id)})
	if err != nil {
		return nil, err
	}
	return func() (string, error) {
		res, err := s.Recv()
		return res.GetGreeting(), err
	}, nil
}

func withToken(ctx context.Context, token string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
}

func (c *grpcConn) close() {
	for _, client := range c.clients {
		_ = client.Close()
	}
	c.server.Stop()
	c.serving.Wait()
}

func grpcReason(err error) string {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			return info.GetReason()
		}
	}
	return ""
}
