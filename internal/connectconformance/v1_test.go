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
	"connectrpc.com/connect"
	connectv2 "connectrpc.com/connect/v2"
	"google.golang.org/protobuf/proto"

	"github.com/oidcrpc/oidcrpc/connectauth"
	"github.com/oidcrpc/oidcrpc/interceptor"
)

func newV1Handler(auth *interceptor.Authenticator, maxBytes int) http.Handler {
	options := []connect.HandlerOption{
		connect.WithInterceptors(connectauth.NewInterceptor(auth)),
		connect.WithReadMaxBytes(maxBytes),
		connect.WithIdempotency(connect.IdempotencyNoSideEffects), // GET is for IdempotentUnary alone
	}
	for _, algorithm := range compression.All() {
		options = append(options, connect.WithCompression(algorithm.Name(),
			func() connect.Decompressor { return &decompressor{algorithm: algorithm} },
			func() connect.Compressor { return &compressor{algorithm: algorithm} }))
	}
	handlers := map[string]http.Handler{
		conformancev1connect.ConformanceServiceUnaryProcedure: connect.NewUnaryHandlerSimple(
			conformancev1connect.ConformanceServiceUnaryProcedure, unaryV1, options...),
		conformancev1connect.ConformanceServiceIdempotentUnaryProcedure: connect.NewUnaryHandlerSimple(
			conformancev1connect.ConformanceServiceIdempotentUnaryProcedure, idempotentUnaryV1, options...),
		conformancev1connect.ConformanceServiceUnimplementedProcedure: connect.NewUnaryHandlerSimple(
			conformancev1connect.ConformanceServiceUnimplementedProcedure, unimplementedV1, options...),
		conformancev1connect.ConformanceServiceClientStreamProcedure: connect.NewClientStreamHandlerSimple(
			conformancev1connect.ConformanceServiceClientStreamProcedure, clientStreamV1, options...),
		conformancev1connect.ConformanceServiceServerStreamProcedure: connect.NewServerStreamHandlerSimple(
			conformancev1connect.ConformanceServiceServerStreamProcedure, serverStreamV1, options...),
		conformancev1connect.ConformanceServiceBidiStreamProcedure: connect.NewBidiStreamHandler(
			conformancev1connect.ConformanceServiceBidiStreamProcedure, bidiStreamV1, options...),
	}
	mux := http.NewServeMux()
	for procedure, handler := range handlers {
		mux.Handle(procedure, handler)
	}
	return mux
}

func newV1HandlerBehindMiddleware(auth *interceptor.Authenticator, maxBytes int) http.Handler {
	return connectauth.NewMiddleware(auth).Wrap(newV1Handler(auth, maxBytes))
}

func newV1Call(ctx context.Context) *call {
	info, _ := connect.CallInfoForHandlerContext(ctx)
	return &call{
		ctx:      ctx,
		request:  internal.ConvertToProtoHeader(info.RequestHeader()),
		query:    internal.ConvertToProtoHeader(info.Peer().Query),
		header:   info.ResponseHeader(),
		trailer:  info.ResponseTrailer(),
		newError: newV1Error,
	}
}

func newV1Error(answer *conformancev1.Error) error {
	err := connect.NewError(connect.Code(answer.GetCode()), errors.New(answer.GetMessage()))
	for _, value := range answer.GetDetails() {
		detail, invalid := connect.NewErrorDetail(value)
		if invalid != nil {
			return invalid
		}
		err.AddDetail(detail)
	}
	return err
}

func unaryV1(ctx context.Context, req *conformancev1.UnaryRequest) (*conformancev1.UnaryResponse, error) {
	payload, err := newV1Call(ctx).one(req.GetResponseDefinition(), req)
	return &conformancev1.UnaryResponse{Payload: payload}, err
}

func idempotentUnaryV1(
	ctx context.Context, req *conformancev1.IdempotentUnaryRequest,
) (*conformancev1.IdempotentUnaryResponse, error) {
	payload, err := newV1Call(ctx).one(req.GetResponseDefinition(), req)
	return &conformancev1.IdempotentUnaryResponse{Payload: payload}, err
}

func unimplementedV1(
	context.Context, *conformancev1.UnimplementedRequest,
) (*conformancev1.UnimplementedResponse, error) {
	return nil, connect.NewError(connect.CodeUnimplemented, nil)
}

func clientStreamV1(
	ctx context.Context, stream *connect.ClientStream[conformancev1.ClientStreamRequest],
) (*conformancev1.ClientStreamResponse, error) {
	var answer *conformancev1.UnaryResponseDefinition
	var received []proto.Message
	for stream.Receive() {
		if received == nil {
			answer = stream.Msg().GetResponseDefinition()
		}
		received = append(received, proto.Clone(stream.Msg()))
	}
	if err := stream.Err(); err != nil {
		return nil, err
	}
	payload, err := newV1Call(ctx).one(answer, received...)
	return &conformancev1.ClientStreamResponse{Payload: payload}, err
}

func serverStreamV1(
	ctx context.Context,
	req *conformancev1.ServerStreamRequest,
	stream *connect.ServerStream[conformancev1.ServerStreamResponse],
) error {
	return newV1Call(ctx).stream(once(req), func() error { return stream.Send(nil) },
		func(payload *conformancev1.ConformancePayload) error {
			return stream.Send(&conformancev1.ServerStreamResponse{Payload: payload})
		})
}

func bidiStreamV1(
	ctx context.Context,
	stream *connect.BidiStream[conformancev1.BidiStreamRequest, conformancev1.BidiStreamResponse],
) error {
	return newV1Call(ctx).stream(each(stream.Receive), func() error { return stream.Send(nil) },
		func(payload *conformancev1.ConformancePayload) error {
			return stream.Send(&conformancev1.BidiStreamResponse{Payload: payload})
		})
}

// A compressor is one of the suite's, which are made for v2, as v1 wants it.
type compressor struct {
	io.WriteCloser

	algorithm connectv2.Compressor
}

func (c *compressor) Reset(w io.Writer) { c.WriteCloser, _ = c.algorithm.Compress(w) }

type decompressor struct {
	io.ReadCloser

	algorithm connectv2.Compressor
}

func (d *decompressor) Reset(r io.Reader) (err error) {
	d.ReadCloser, err = d.algorithm.Decompress(r)
	return err
}
