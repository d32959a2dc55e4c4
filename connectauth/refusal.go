package connectauth

import (
	"context"
	"errors"
	"net/http"

	"connectrpc.com/connect"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/internal/earlyhttp"
)

// Refuse returns the error for a handler to return when it finds out that its caller
// may not have what was asked for:
//
//	claims, ok := interceptor.ClaimsFromContext(ctx)
//	if !ok || order.Customer != (user{claims.Issuer(), claims.Subject()}) {
//		return nil, connectauth.Refuse(ctx, errors.New("the order is another customer's"))
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
	return newErrorOf(refusal, &refusedError{refusal})
}

// refusedError tells the interceptor that the handler has refused the call. Everything
// in between sees the *connect.Error around it.
type refusedError struct{ refusal *interceptor.Refusal }

func (e *refusedError) Error() string { return e.refusal.Message }

// refusalOf returns the refusal in a handler's error, or nil.
func refusalOf(err error) *interceptor.Refusal {
	if refused, ok := errors.AsType[*refusedError](err); ok {
		return refused.refusal
	}
	return nil
}

// refuseUnary returns the error for a refused unary call, and sends the challenge
// wherever it can travel.
func refuseUnary(ctx context.Context, req connect.AnyRequest, refusal *interceptor.Refusal) error {
	err := newError(refusal)
	info, ok := connect.CallInfoForHandlerContext(ctx)
	switch {
	case ok && info.Spec().Procedure != req.Spec().Procedure:
		// The call is made within this process, with an outer call's ctx. The header of
		// an outer call isn't ours to set.
	case ok:
		setChallenge(info.ResponseHeader(), refusal)
		setPrivate(info.ResponseHeader(), req.HTTPMethod())
		closeConnection(ctx, info.ResponseHeader())
	case req.Peer().Protocol == connect.ProtocolGRPC:
		// An interceptor has replaced ctx, and the header is out of reach.
	default:
		setChallenge(err.Meta(), refusal)
		setPrivate(err.Meta(), req.HTTPMethod())
	}
	return err
}

// refuseStream returns the error for a refused stream, and sends the challenge
// wherever it can travel.
func refuseStream(
	ctx context.Context, conn connect.StreamingHandlerConn, refusal *interceptor.Refusal, sent bool,
) error {
	err := newError(refusal)
	earlyhttp.LeaveBody(ctx)
	switch {
	case !sent:
		setChallenge(conn.ResponseHeader(), refusal)
		closeConnection(ctx, conn.ResponseHeader())
	case conn.Peer().Protocol == connect.ProtocolGRPC:
		// The challenge can't travel: net/http would drop the trailer and log a line for it.
	default:
		setChallenge(err.Meta(), refusal)
	}
	return err
}

func setChallenge(header map[string][]string, refusal *interceptor.Refusal) {
	if refusal.Challenge != "" {
		header["Www-Authenticate"] = []string{refusal.Challenge}
	}
	if refusal.Nonce != "" {
		header["Dpop-Nonce"] = []string{refusal.Nonce}
		header["Cache-Control"] = []string{"no-store"} // RFC 9449, section 8.2
	}
}

// sendNonce gives an admitted caller its next nonce, if there is one. A response to a GET
// carries none, since its handler may let caches keep it.
func sendNonce(ctx context.Context, req connect.AnyRequest, nonce string) {
	info, ok := connect.CallInfoForHandlerContext(ctx)
	if nonce == "" || !ok || info.Spec().Procedure != req.Spec().Procedure || req.HTTPMethod() == http.MethodGet {
		return
	}
	info.ResponseHeader().Set("DPoP-Nonce", nonce)
}

// closeConnection marks a refusal over HTTP/1.1 as the last response on its connection.
func closeConnection(ctx context.Context, header http.Header) {
	if earlyhttp.EndsConnection(ctx) {
		header.Set("Connection", "close")
	}
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
