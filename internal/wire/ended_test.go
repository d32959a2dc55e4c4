package wire_test

import (
	"context"
	"net/http"
	"time"

	connectv2 "connectrpc.com/connect/v2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// endedContext ends a call's context if its token says so. It stands where a server's own
// limit for the time of a call would. The call can so be seen to end by a client that
// waits for its answer.
func endedContext(ctx context.Context, authorization []string) (context.Context, context.CancelFunc) {
	if len(authorization) != 1 {
		return ctx, func() {}
	}
	switch authorization[0] {
	case bearer(canceledToken)[0]:
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		return ctx, cancel
	case bearer(lateToken)[0]:
		return context.WithDeadline(ctx, time.Now())
	default:
		return ctx, func() {}
	}
}

// endHTTP is for connect-go. grpc-go would write a status of its own.
func endHTTP(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := endedContext(r.Context(), r.Header.Values("Authorization"))
		defer cancel()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

func endGRPCUnary(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	ctx, cancel := endedContext(ctx, metadata.ValueFromIncomingContext(ctx, "authorization"))
	defer cancel()
	return next(ctx, req)
}

func endGRPCStream(srv any, ss grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	ctx, cancel := endedContext(ss.Context(), metadata.ValueFromIncomingContext(ss.Context(), "authorization"))
	defer cancel()
	return next(srv, endedStream{ss, ctx})
}

type endedStream struct {
	grpc.ServerStream

	ctx context.Context //nolint:containedctx // as grpc.ServerStream has it
}

func (s endedStream) Context() context.Context { return s.ctx }

func endInProcess(next connectv2.ServerFunc) connectv2.ServerFunc {
	return func(ctx context.Context, spec connectv2.Spec, stream connectv2.ServerStream) error {
		info, _ := connectv2.CallInfoForServerContext(ctx)
		ctx, cancel := endedContext(ctx, info.RequestHeader().Values("Authorization"))
		defer cancel()
		return next(ctx, spec, stream)
	}
}
