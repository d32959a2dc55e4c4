package main

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"

	connectauth "github.com/oidcrpc/oidcrpc/connectauth/v2"
	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	greetv1connect "github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connectv2"
	"github.com/oidcrpc/oidcrpc/interceptor"
)

type connectV2Greeter struct {
	greetv1connect.UnimplementedGreetServiceHandler

	hub *hub
}

func (connectV2Greeter) Greet(context.Context, *greetv1.GreetRequest) (*greetv1.GreetResponse, error) {
	return &greetv1.GreetResponse{}, nil
}

func (g connectV2Greeter) Watch(
	ctx context.Context, req *greetv1.WatchRequest, s greetv1connect.GreetServiceWatchServerStream,
) error {
	id, err := strconv.Atoi(req.GetName())
	if err != nil {
		return errNoID
	}
	return g.hub.serve(ctx, id, func(text string) error { return s.Send(&greetv1.WatchResponse{Greeting: text}) })
}

type connectV2Conn struct{ *httpServer }

func startConnectV2(auth *interceptor.Authenticator, hub *hub) (conn, error) {
	server := connect.NewServer(connectauth.NewServerInterceptor(auth))
	greetv1connect.RegisterGreetServiceHandler(server, connectV2Greeter{hub: hub})
	mux := http.NewServeMux()
	connecthttp.Mount(mux, server)
	s, err := serveHTTP(mux)
	return connectV2Conn{s}, err
}

func (c connectV2Conn) v2Client(isStream bool) greetv1connect.GreetServiceClient {
	return greetv1connect.NewGreetServiceClient(connect.NewClient(connecthttp.NewTransport(c.client(isStream), c.url)))
}

func (c connectV2Conn) greet(ctx context.Context, token string) error {
	ctx, info := connect.NewClientContext(ctx)
	info.RequestHeader().Set("Authorization", "Bearer "+token)
	_, err := c.v2Client(false).Greet(ctx, &greetv1.GreetRequest{})
	return err
}

func (c connectV2Conn) watch(ctx context.Context, token string, id int) (func() (string, error), error) {
	ctx, info := connect.NewClientContext(ctx)
	info.RequestHeader().Set("Authorization", "Bearer "+token)
	s, err := c.v2Client(true).Watch(ctx, &greetv1.WatchRequest{Name: strconv.Itoa(id)})
	if err != nil {
		return nil, err
	}
	return func() (string, error) {
		res, err := s.Receive()
		if err != nil {
			err = errors.Join(err, s.Close())
		}
		return res.GetGreeting(), err
	}, nil
}

func connectV2Reason(err error) string {
	connectErr, ok := errors.AsType[*connect.Error](err)
	if !ok {
		return ""
	}
	for _, detail := range connectErr.Details() {
		var info errdetails.ErrorInfo
		if detail.Type == string(info.ProtoReflect().Descriptor().FullName()) && proto.Unmarshal(detail.Value, &info) == nil {
			return info.GetReason()
		}
	}
	return ""
}
