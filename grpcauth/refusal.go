package grpcauth

import (
	"context"
	"errors"
	"net/http"

	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/oidcrpc/oidcrpc/interceptor"
)

// Refuse returns the error for a handler to return, unchanged, when it finds out that
// its caller may not have what it asks for:
//
//	claims, ok := interceptor.ClaimsFromContext(ctx)
//	if !ok || order.Customer != claims.Subject() {
//		return nil, grpcauth.Refuse(ctx, errors.New("the order is another customer's"))
//	}
//
// The caller is answered as if a policy had refused the call, also after messages of
// a stream: code, challenge and details are made of err as [interceptor.Rule].Allow
// says, so that an AuthError stands as it is, such as the one that a Requirement's
// Check returns, and any other error is PermissionDenied. A nil err refuses, too.
//
// Ctx is that of the handler, whoever called it, or one made from it. An AuthError
// that is merely returned is an error like any other: the handler may have it from
// elsewhere.
func Refuse(ctx context.Context, err error) error {
	refusal := interceptor.Refuse(ctx, err)
	return &refusedError{refusal: refusal, status: newStatus(refusal)}
}

// refusedError tells the interceptor that the handler has refused the call, and
// everything between them what any status error does.
type refusedError struct {
	refusal *interceptor.Refusal
	status  *status.Status
}

func (e *refusedError) Error() string              { return e.status.Err().Error() }
func (e *refusedError) GRPCStatus() *status.Status { return e.status }

// refusalOf returns the refusal of a handler that returned err, or nil.
func refusalOf(err error) *interceptor.Refusal {
	if refused, ok := errors.AsType[*refusedError](err); ok {
		return refused.refusal
	}
	return nil
}

// refuse returns the error for a refused call, and sends the challenge by the road
// that is open.
func refuse(ctx context.Context, refusal *interceptor.Refusal) error {
	if refusal.Challenge != "" {
		field := metadata.Pairs("www-authenticate", refusal.Challenge)
		if isServedByNetHTTP(ctx) {
			// It fails once a message has been sent. Then no road is left: net/http
			// would drop the trailer and log a line for it.
			_ = grpc.SetHeader(ctx, field)
		} else {
			// A header would cost the client its Trailers-Only response.
			_ = grpc.SetTrailer(ctx, field)
		}
	}
	return newError(refusal)
}

func isServedByNetHTTP(ctx context.Context) bool {
	return ctx.Value(http.ServerContextKey) != nil
}

func newError(refusal *interceptor.Refusal) error { return newStatus(refusal).Err() }

func newStatus(refusal *interceptor.Refusal) *status.Status {
	return status.FromProto(&rpcstatus.Status{
		Code:    int32(refusal.Code),
		Message: refusal.Message,
		Details: refusal.Details,
	})
}
