package connectauth

import (
	"context"
	"errors"

	"connectrpc.com/connect"

	"github.com/oidcrpc/oidcrpc/interceptor"
)

const wwwAuthenticate = "Www-Authenticate"

// Refuse returns the error for a handler to return, unchanged, when it finds out that
// its caller may not have what it asks for:
//
//	claims, ok := interceptor.ClaimsFromContext(ctx)
//	if !ok || order.Customer != claims.Subject() {
//		return nil, connectauth.Refuse(ctx, errors.New("the order is another customer's"))
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
	return newErrorOf(refusal, &refusedError{refusal})
}

// refusedError tells the interceptor that the handler has refused the call. It stands
// within the *connect.Error that everything between them sees.
type refusedError struct{ refusal *interceptor.Refusal }

func (e *refusedError) Error() string { return e.refusal.Message }

// refusalOf returns the refusal of a handler that returned err, or nil.
func refusalOf(err error) *interceptor.Refusal {
	if refused, ok := errors.AsType[*refusedError](err); ok {
		return refused.refusal
	}
	return nil
}

// refuseUnary returns the error for a refused unary call, and sends the challenge by
// the road that is open.
func refuseUnary(ctx context.Context, req connect.AnyRequest, refusal *interceptor.Refusal) error {
	err := newError(refusal)
	info, ok := connect.CallInfoForHandlerContext(ctx)
	switch {
	case ok:
		setChallenge(info.ResponseHeader(), refusal)
		closeConnection(ctx, info.ResponseHeader())
	case req.Peer().Protocol == connect.ProtocolGRPC:
		// An interceptor has replaced ctx, and the header is out of reach.
	default:
		setChallenge(err.Meta(), refusal)
	}
	return err
}

// refuseStream returns the error for a refused stream, and sends the challenge by
// the road that is open.
func refuseStream(
	ctx context.Context, conn connect.StreamingHandlerConn, refusal *interceptor.Refusal, sent bool,
) error {
	err := newError(refusal)
	switch {
	case !sent:
		setChallenge(conn.ResponseHeader(), refusal)
		closeConnection(ctx, conn.ResponseHeader())
	case conn.Peer().Protocol == connect.ProtocolGRPC:
		// No road is left: net/http would drop the trailer and log a line for it.
	default:
		setChallenge(err.Meta(), refusal)
	}
	return err
}

func newError(refusal *interceptor.Refusal) *connect.Error {
	return newErrorOf(refusal, errors.New(refusal.Message))
}

func newErrorOf(refusal *interceptor.Refusal, underlying error) *connect.Error {
	err := connect.NewError(connect.Code(refusal.Code), underlying)
	for _, detail := range refusal.Details {
		if encoded, encodeErr := connect.NewErrorDetail(detail); encodeErr == nil {
			err.AddDetail(encoded)
		}
	}
	return err
}

func setChallenge(header map[string][]string, refusal *interceptor.Refusal) {
	if refusal.Challenge != "" {
		header[wwwAuthenticate] = []string{refusal.Challenge}
	}
}
