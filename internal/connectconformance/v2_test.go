package connectconformance

import (
	"context"
	"errors"
	"io"
	"net/http"

	"connectrpc.com/conformance/internal"
	"connectrpc.com/conformance/internal/compression"
	conformancev1 "connectrpc.com/conformance/internal/gen/proto/go/connectrpc/conformance/v1"
	"connectrpc.com/conformance/internal/gen/proto/go/connectrpc/conformance/v1/conformancev1connect"
	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"connectrpc.com/connect/v2/connectproto"
	"google.golang.org/protobuf/proto"

	connectauth "github.com/oidcrpc/oidcrpc/connectauth/v2"
	"github.com/oidcrpc/oidcrpc/interceptor"
)

func newV2Handler(auth *interceptor.Authenticator, maxBytes int) http.Handler {
	server := connect.NewServer(connectauth.NewServerInterceptor(auth))
	conformancev1connect.RegisterConformanceServiceHandler(server, serviceV2{})
	mux := http.NewServeMux()
	connecthttp.Mount(mux, server,
		connecthttp.WithCompressors(compression.All()...),
		connecthttp.WithCodecs(connectproto.NewBinaryCodec(), internal.NewStrictJSONCodec()),
		connecthttp.WithReadMaxBytes(maxBytes),
	)
	return mux
}

type serviceV2 struct {
	conformancev1connect.UnimplementedConformanceServiceHandler
}

func newV2Call(ctx context.Context) *call {
	info, _ := connect.CallInfoForServerContext(ctx)
	transport, _ := connecthttp.ServerInfoForContext(ctx)
	return &call{
		ctx:      ctx,
		request:  internal.ConvertConnectHeaderToProto(info.RequestHeader()),
		query:    internal.ConvertToProtoHeader(transport.HTTPGetQueryParams()),
		header:   info.ResponseHeader(),
		trailer:  info.ResponseTrailer(),
		newError: func(e *conformancev1.Error) error { return internal.ConvertProtoToConnectError(e) },
	}
}

func (serviceV2) Unary(
	ctx context.Context, req *conformancev1.UnaryRequest,
) (*conformancev1.UnaryResponse, error) {
	payload, err := newV2Call(ctx).one(req.GetResponseDefinition(), req)
	return &conformancev1.UnaryResponse{Payload: payload}, err
}

func (serviceV2) IdempotentUnary(
	ctx context.Context, req *conformancev1.IdempotentUnaryRequest,
) (*conformancev1.IdempotentUnaryResponse, error) {
	payload, err := newV2Call(ctx).one(req.GetResponseDefinition(), req)
	return &conformancev1.IdempotentUnaryResponse{Payload: payload}, err
}

func (serviceV2) ClientStream(
	ctx context.Context, stream conformancev1connect.ConformanceServiceClientStreamServerStream,
) (*conformancev1.ClientStreamResponse, error) {
	var answer *conformancev1.UnaryResponseDefinition
	var received []proto.Message
	for {
		req, err := stream.Receive()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if received == nil {
			answer = req.GetResponseDefinition()
		}
		received = append(received, req)
	}
	payload, err := newV2Call(ctx).one(answer, received...)
	return &conformancev1.ClientStreamResponse{Payload: payload}, err
}

func (serviceV2) ServerStream(
	ctx context.Context,
	req *conformancev1.ServerStreamRequest,
	stream conformancev1connect.ConformanceServiceServerStreamServerStream,
) error {
	return newV2Call(ctx).stream(once(req), stream.SendHeaders,
		func(payload *conformancev1.ConformancePayload) error {
			return stream.Send(&conformancev1.ServerStreamResponse{Payload: payload})
		})
}

func (serviceV2) BidiStream(
	ctx context.Context, stream conformancev1connect.ConformanceServiceBidiStreamServerStream,
) error {
	return newV2Call(ctx).stream(each(stream.Receive), stream.SendHeaders,
		func(payload *conformancev1.ConformancePayload) error {
			return stream.Send(&conformancev1.BidiStreamResponse{Payload: payload})
		})
}
