package main

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// A stack is a way to serve streams.
type stack struct {
	name        string
	contentType string
	serve       func(listener net.Listener, g guard, over time.Time) (stop func())
}

var stacks = []stack{
	{"gRPC, TCP", "application/grpc", serveNative},
	{"gRPC, ServeHTTP", "application/grpc", serveGRPCHandler},
	{"Connect, h2c", "application/connect+proto", serveConnect},
}

// The procedures of a service for streams, whose messages are wrapped bytes.
const (
	uploadProcedure   = "/bench.v1.StreamService/Upload"   // reads messages until there are no more
	watchProcedure    = "/bench.v1.StreamService/Watch"    // answers one message with one, and waits for its end
	converseProcedure = "/bench.v1.StreamService/Converse" // sends one message, and reads on
)

// start serves streams. Those to Watch return an error at a time, unless it's zero.
func (s stack) start(g guard, over time.Time) (addr string, stop func(), err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	return listener.Addr().String(), s.serve(listener, g, over), nil
}

func serveNative(listener net.Listener, g guard, over time.Time) (stop func()) {
	server := newStreamServer(g, over)
	go func() { _ = server.Serve(listener) }()
	return server.Stop
}

func serveGRPCHandler(listener net.Listener, g guard, over time.Time) (stop func()) {
	return serveHTTP(listener, newStreamServer(g, over))
}

func serveConnect(listener net.Listener, g guard, over time.Time) (stop func()) {
	mux := http.NewServeMux()
	options := handlerOptions(g)
	mux.Handle("/greet.v1.GreetService/Greet",
		connect.NewUnaryHandler("/greet.v1.GreetService/Greet", connectEcho{}.Greet, options...))
	mux.Handle(uploadProcedure, connect.NewClientStreamHandler(uploadProcedure,
		func(
			_ context.Context, stream *connect.ClientStream[wrapperspb.BytesValue],
		) (*connect.Response[wrapperspb.BytesValue], error) {
			for stream.Receive() {
			}
			return connect.NewResponse(&wrapperspb.BytesValue{}), stream.Err()
		}, options...))
	mux.Handle(watchProcedure, connect.NewServerStreamHandler(watchProcedure,
		func(
			ctx context.Context, _ *connect.Request[wrapperspb.BytesValue], stream *connect.ServerStream[wrapperspb.BytesValue],
		) error {
			if err := stream.Send(&wrapperspb.BytesValue{}); err != nil {
				return err
			}
			if err := waitUntil(ctx, over); err != nil {
				return err
			}
			return connect.NewError(connect.CodeUnauthenticated, errOver)
		}, options...))
	mux.Handle(converseProcedure, connect.NewBidiStreamHandler(converseProcedure,
		func(_ context.Context, stream *connect.BidiStream[wrapperspb.BytesValue, wrapperspb.BytesValue]) error {
			if err := stream.Send(&wrapperspb.BytesValue{}); err != nil {
				return err
			}
			_, err := stream.Receive()
			return err
		}, options...))
	return serveHTTP(listener, mux)
}

func serveHTTP(listener net.Listener, handler http.Handler) (stop func()) {
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{Handler: handler, Protocols: &protocols, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }()
	return func() { _ = server.Close() }
}

func newStreamServer(g guard, over time.Time) *grpc.Server {
	server := grpc.NewServer(serverOptions(g)...)
	greetv1.RegisterGreetServiceServer(server, grpcEcho{})
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: "bench.v1.StreamService",
		HandlerType: (*any)(nil),
		Streams: []grpc.StreamDesc{
			{StreamName: "Upload", ClientStreams: true, Handler: upload},
			{StreamName: "Watch", ServerStreams: true, Handler: func(_ any, stream grpc.ServerStream) error {
				return watch(stream, over)
			}},
			{StreamName: "Converse", ClientStreams: true, ServerStreams: true, Handler: converse},
		},
	}, nil)
	return server
}

func upload(_ any, stream grpc.ServerStream) error {
	for {
		err := stream.RecvMsg(new(wrapperspb.BytesValue)) // as generated code does
		if errors.Is(err, io.EOF) {
			return stream.SendMsg(&wrapperspb.BytesValue{})
		}
		if err != nil {
			return err
		}
	}
}

func watch(stream grpc.ServerStream, over time.Time) error {
	if err := stream.RecvMsg(new(wrapperspb.BytesValue)); err != nil {
		return err
	}
	if err := stream.SendMsg(&wrapperspb.BytesValue{}); err != nil {
		return err
	}
	if err := waitUntil(stream.Context(), over); err != nil {
		return err
	}
	return status.Error(codes.Unauthenticated, errOver.Error())
}

func converse(_ any, stream grpc.ServerStream) error {
	if err := stream.SendMsg(&wrapperspb.BytesValue{}); err != nil {
		return err
	}
	return stream.RecvMsg(new(wrapperspb.BytesValue))
}

var errOver = errors.New("the token expired while the stream was open")

// waitUntil returns nil within a second after a time, or else the context's error.
func waitUntil(ctx context.Context, over time.Time) error {
	var passed <-chan time.Time // never, if there is no time
	if !over.IsZero() {
		timer := time.NewTimer(time.Until(over) + rand.N(within))
		defer timer.Stop()
		passed = timer.C
	}
	select {
	case <-passed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// newStreamGuard guards streams that end within a second after their tokens' exp.
func newStreamGuard(issuer *verifiertest.Issuer) (guard, error) {
	config := issuer.Config()
	config.Algorithms = []string{streamAlg}
	config.Leeway = within // so that they're spread over it
	config.TokenCacheSize = 2 * manyStreams
	v, err := verifier.New(config)
	if err != nil {
		return guard{}, err
	}
	auth, err := interceptor.New(v)
	return guard{name: ours, auth: auth}, err
}

const streamAlg = "EdDSA"
