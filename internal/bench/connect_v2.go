package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"

	connectauth "github.com/oidcrpc/oidcrpc/connectauth/v2"
	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	greetv1connect "github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connectv2"
)

type connectV2Client struct {
	greetv1connect.GreetServiceClient

	token     string
	transport *http.Transport
	server    *http.Server
}

func startConnectV2(g guard, token string) (client, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{Handler: newConnectV2(g), Protocols: &protocols, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }()
	transport := &http.Transport{Protocols: &protocols}
	return &connectV2Client{
		greetv1connect.NewGreetServiceClient(connect.NewClient(
			connecthttp.NewTransport(&http.Client{Transport: transport}, "http://"+listener.Addr().String()))),
		token, transport, server,
	}, nil
}

func newConnectV2(g guard) http.Handler {
	server := connect.NewServer(serverInterceptors(g)...)
	greetv1connect.RegisterGreetServiceHandler(server, connectV2Echo{})
	mux := http.NewServeMux()
	connecthttp.Mount(mux, server)
	return mux
}

func serverInterceptors(g guard) []connect.ServerInterceptor {
	switch {
	case g.auth != nil:
		return []connect.ServerInterceptor{connectauth.NewServerInterceptor(g.auth)}
	case g.peer != nil:
		return []connect.ServerInterceptor{func(next connect.ServerFunc) connect.ServerFunc {
			return func(ctx context.Context, spec connect.Spec, stream connect.ServerStream) error {
				info, _ := connect.CallInfoForServerContext(ctx)
				token, ok := strings.CutPrefix(info.RequestHeader().Get("Authorization"), "Bearer ")
				if !ok || g.peer(ctx, &sample{token: token}) != nil {
					return connect.NewError(connect.CodeUnauthenticated, "no good token")
				}
				return next(ctx, spec, stream)
			}
		}}
	default:
		return nil
	}
}

func (c *connectV2Client) close() {
	c.transport.CloseIdleConnections()
	_ = c.server.Close()
}

func (c *connectV2Client) authorize(ctx context.Context) context.Context {
	ctx, info := connect.NewClientContext(ctx)
	info.RequestHeader().Set("Authorization", "Bearer "+c.token)
	return ctx
}

func (c *connectV2Client) unary(ctx context.Context) error {
	_, err := c.Greet(c.authorize(ctx), greetRequest)
	return err
}

func (c *connectV2Client) upload(ctx context.Context, messages int) error {
	stream, err := c.Collect(c.authorize(ctx))
	if err != nil {
		return err
	}
	for range messages {
		if err := stream.Send(collectRequest); err != nil {
			break // CloseAndReceive tells why
		}
	}
	_, err = stream.CloseAndReceive()
	return err
}

func (c *connectV2Client) download(ctx context.Context, _ int) error {
	stream, err := c.Watch(c.authorize(ctx), watchRequest)
	if err != nil {
		return err
	}
	defer stream.Close()
	for count := 0; ; count++ {
		_, err := stream.Receive()
		if errors.Is(err, io.EOF) {
			return checkCount(count)
		}
		if err != nil {
			return err
		}
	}
}

type connectV2Echo struct{}

func (connectV2Echo) Greet(_ context.Context, req *greetv1.GreetRequest) (*greetv1.GreetResponse, error) {
	return &greetv1.GreetResponse{Greeting: req.GetName()}, nil
}

func (connectV2Echo) Collect(
	_ context.Context, stream greetv1connect.GreetServiceCollectServerStream,
) (*greetv1.CollectResponse, error) {
	for count := 0; ; count++ {
		_, err := stream.Receive()
		if errors.Is(err, io.EOF) {
			return &greetv1.CollectResponse{}, checkCount(count)
		}
		if err != nil {
			return nil, err
		}
	}
}

func (connectV2Echo) Watch(
	_ context.Context, req *greetv1.WatchRequest, stream greetv1connect.GreetServiceWatchServerStream,
) error {
	res := &greetv1.WatchResponse{Greeting: req.GetName()}
	for range req.GetCount() {
		if err := stream.Send(res); err != nil {
			return err
		}
	}
	return nil
}

func (connectV2Echo) Converse(context.Context, greetv1connect.GreetServiceConverseServerStream) error {
	return connect.NewError(connect.CodeUnimplemented, "")
}
