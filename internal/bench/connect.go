package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"time"

	"connectrpc.com/connect"

	"github.com/oidcrpc/oidcrpc/connectauth"
	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connect"
)

type connectClient struct {
	greetv1connect.GreetServiceClient

	token     string
	transport *http.Transport
	server    *http.Server
}

func startConnect(g guard, token string) (client, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	mux := http.NewServeMux()
	mux.Handle(greetv1connect.NewGreetServiceHandler(connectEcho{}, handlerOptions(g)...))
	server := &http.Server{Handler: mux, Protocols: &protocols, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }()
	transport := &http.Transport{Protocols: &protocols}
	return &connectClient{
		greetv1connect.NewGreetServiceClient(&http.Client{Transport: transport}, "http://"+listener.Addr().String()),
		token, transport, server,
	}, nil
}

func handlerOptions(g guard) []connect.HandlerOption {
	switch {
	case g.auth != nil:
		return []connect.HandlerOption{connect.WithInterceptors(connectauth.NewInterceptor(g.auth))}
	case g.peer != nil:
		return []connect.HandlerOption{connect.WithInterceptors(peerInterceptor{g.peer})}
	default:
		return nil
	}
}

type peerInterceptor struct{ verify verify }

func (p peerInterceptor) check(ctx context.Context, header http.Header) error {
	token, ok := strings.CutPrefix(header.Get("Authorization"), "Bearer ")
	if !ok || p.verify(ctx, &sample{token: token}) != nil {
		return connect.NewError(connect.CodeUnauthenticated, errors.New("no good token"))
	}
	return nil
}

func (p peerInterceptor) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		if err := p.check(ctx, req.Header()); err != nil {
			return nil, err
		}
		return next(ctx, req)
	}
}

func (p peerInterceptor) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) error {
		if err := p.check(ctx, conn.RequestHeader()); err != nil {
			return err
		}
		return next(ctx, conn)
	}
}

func (peerInterceptor) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

func (c *connectClient) close() {
	c.transport.CloseIdleConnections()
	_ = c.server.Close()
}

func (c *connectClient) unary(ctx context.Context) error {
	req := connect.NewRequest(greetRequest)
	req.Header().Set("Authorization", "Bearer "+c.token)
	_, err := c.Greet(ctx, req)
	return err
}

func (c *connectClient) upload(ctx context.Context, messages int) error {
	stream := c.Collect(ctx)
	stream.RequestHeader().Set("Authorization", "Bearer "+c.token)
	for range messages {
		if err := stream.Send(collectRequest); err != nil {
			break // CloseAndReceive tells why
		}
	}
	_, err := stream.CloseAndReceive()
	return err
}

func (c *connectClient) download(ctx context.Context, _ int) error {
	req := connect.NewRequest(watchRequest)
	req.Header().Set("Authorization", "Bearer "+c.token)
	stream, err := c.Watch(ctx, req)
	if err != nil {
		return err
	}
	count := 0
	for stream.Receive() {
		count++
	}
	return errors.Join(stream.Err(), stream.Close(), checkCount(count))
}

type connectEcho struct {
	greetv1connect.UnimplementedGreetServiceHandler
}

func (connectEcho) Greet(
	_ context.Context, req *connect.Request[greetv1.GreetRequest],
) (*connect.Response[greetv1.GreetResponse], error) {
	return connect.NewResponse(&greetv1.GreetResponse{Greeting: req.Msg.GetName()}), nil
}

func (connectEcho) Collect(
	_ context.Context, stream *connect.ClientStream[greetv1.CollectRequest],
) (*connect.Response[greetv1.CollectResponse], error) {
	count := 0
	for stream.Receive() {
		count++
	}
	return connect.NewResponse(&greetv1.CollectResponse{}), errors.Join(stream.Err(), checkCount(count))
}

func (connectEcho) Watch(
	_ context.Context, req *connect.Request[greetv1.WatchRequest], stream *connect.ServerStream[greetv1.WatchResponse],
) error {
	res := &greetv1.WatchResponse{Greeting: req.Msg.GetName()}
	for range req.Msg.GetCount() {
		if err := stream.Send(res); err != nil {
			return err
		}
	}
	return nil
}
