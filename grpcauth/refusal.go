package grpcauth

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/oidcrpc/oidcrpc/interceptor"
)

// Refuse returns the error for a handler to return when it finds out that its caller
// may not have what was asked for:
//
//	claims, ok := interceptor.ClaimsFromContext(ctx)
//	if !ok || order.Customer != (user{claims.Issuer(), claims.Subject()}) {
//		return nil, grpcauth.Refuse(ctx, errors.New("the order is another customer's"))
//	}
//
// The caller gets the same answer as if a policy had refused the call, also in the
// middle of a stream. Code, challenge and details come from err as they do for
// [interceptor.Rule].Allow. An *AuthError is used as is: to ask the caller for
// something specific, pass the error of a Requirement's Check. Any other error, even a
// nil one, becomes PermissionDenied.
//
// Pass the handler's own ctx, or one derived from it. The refusal belongs to this call,
// and counts once the error returns through its interceptor, wrapped or not. An
// AuthError returned without Refuse is an error like any other, since the handler may
// have it from elsewhere.
func Refuse(ctx context.Context, err error) error {
	refusal := interceptor.NewRefusal(ctx, err)
	return &refusedError{refusal: refusal, status: newStatus(refusal)}
}

// refusedError tells the interceptor that the handler has refused the call. Everything
// in between sees a status error.
type refusedError struct {
	refusal *interceptor.Refusal
	status  *status.Status
}

func (e *refusedError) Error() string              { return e.status.Err().Error() }
func (e *refusedError) GRPCStatus() *status.Status { return e.status }

// refusalOf returns the refusal in a handler's error, or nil.
func refusalOf(err error) *interceptor.Refusal {
	if refused, ok := errors.AsType[*refusedError](err); ok {
		return refused.refusal
	}
	return nil
}

// refuseUnary returns the error for a refused unary call, and sends the challenge
// wherever it can travel.
func refuseUnary(ctx context.Context, info *grpc.UnaryServerInfo, refusal *interceptor.Refusal) error {
	stream := grpc.ServerTransportStreamFromContext(ctx)
	switch {
	case stream == nil || stream.Method() != info.FullMethod:
		// The call is made within this process, with an outer call's ctx or with none.
		// The metadata of an outer call isn't ours to set.
	case isServedByNetHTTP(ctx):
		_ = stream.SetHeader(challengeOf(refusal))
	default:
		// A header would cost the client its Trailers-Only response.
		_ = stream.SetTrailer(trailerOf(ctx, refusal))
	}
	return newError(refusal)
}

// refuseStream returns the error for a refused stream, and sends the challenge
// wherever it can travel.
func refuseStream(ss grpc.ServerStream, refusal *interceptor.Refusal) error {
	if isServedByNetHTTP(ss.Context()) {
		// This fails once a message was sent, and then the challenge can't travel:
		// net/http would drop the trailer and log a line for it.
		_ = ss.SetHeader(challengeOf(refusal))
	} else {
		ss.SetTrailer(trailerOf(ss.Context(), refusal))
	}
	return newError(refusal)
}

// interruptOf returns what ends a stream while its handler runs, or nil if nothing can.
//
// Nothing promises that grpc-go's own streams have WriteStatus. It's what grpc-go itself calls
// after the handler, and only the first call counts. It makes receives and sends return. On
// net/http it would log a line for each stream, and leave sends alone.
func interruptOf(ctx context.Context, info *grpc.StreamServerInfo) func(*interceptor.Refusal) {
	stream := grpc.ServerTransportStreamFromContext(ctx)
	if stream == nil || stream.Method() != info.FullMethod {
		return nil // as in refuseUnary
	}
	writer, ok := stream.(statusWriter)
	if !ok || isServedByNetHTTP(ctx) {
		return nil
	}
	return func(refusal *interceptor.Refusal) {
		_ = writer.SetTrailer(trailerOf(ctx, refusal))
		_ = writer.WriteStatus(status.Convert(newError(refusal)))
	}
}

type statusWriter interface {
	SetTrailer(md metadata.MD) error
	WriteStatus(s *status.Status) error
}

func isServedByNetHTTP(ctx context.Context) bool {
	return ctx.Value(http.ServerContextKey) != nil
}

func challengeOf(refusal *interceptor.Refusal) metadata.MD {
	fields := metadata.MD{}
	if refusal.Challenge != "" {
		fields["www-authenticate"] = []string{refusal.Challenge}
	}
	if refusal.Nonce != "" {
		fields["dpop-nonce"] = []string{refusal.Nonce}
	}
	return fields
}

// sendNonce gives an admitted caller its next nonce, if there is one.
func sendNonce(ctx context.Context, info *grpc.UnaryServerInfo, nonce string) {
	stream := grpc.ServerTransportStreamFromContext(ctx)
	if nonce != "" && stream != nil && stream.Method() == info.FullMethod {
		_ = stream.SetHeader(metadata.Pairs("dpop-nonce", nonce))
	}
}

// maxPushback is how long clients with a retry policy may be told to wait. They do, even
// past their deadline, and then never see the refusal.
const maxPushback = 10 * time.Second

// trailerOf returns the challenge, and tells such clients when to try again. They don't look into
// the details.
func trailerOf(ctx context.Context, refusal *interceptor.Refusal) metadata.MD {
	trailer := challengeOf(refusal)
	after, left := refusal.RetryAfter, maxPushback
	if deadline, ok := ctx.Deadline(); ok {
		left = min(left, time.Until(deadline))
	}
	if after <= 0 || after >= left {
		return trailer
	}
	milliseconds := (after + time.Millisecond - 1) / time.Millisecond
	trailer["grpc-retry-pushback-ms"] = []string{strconv.FormatInt(int64(milliseconds), 10)}
	return trailer
}
