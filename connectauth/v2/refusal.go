package connectauth

import (
	"context"
	"errors"

	"connectrpc.com/connect/v2"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/internal/earlyhttp"
)

// Refuse returns the error for a handler to return when it finds out that its caller
// may not have what was asked for:
//
//	claims, ok := interceptor.ClaimsFromContext(ctx)
//	if !ok || order.Customer != claims.Subject() {
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
	return newError(refusal).WithCause(&refusedError{refusal: refusal, info: infoOf(ctx)})
}

// refusedError tells the interceptor that the handler has refused the call. Everything
// in between sees the *connect.Error around it.
type refusedError struct {
	refusal *interceptor.Refusal
	info    *connect.CallInfo // of the call whose handler made it
}

func (e *refusedError) Error() string { return e.refusal.Message }

// refusalOf returns the refusal in a handler's error, or nil. One that was made in
// another call doesn't count: a call in process has its caller's context, and its error
// keeps its cause.
func refusalOf(err error, info *connect.CallInfo) *interceptor.Refusal {
	if refused, ok := errors.AsType[*refusedError](err); ok && refused.info == info {
		return refused.refusal
	}
	return nil
}

// infoOf returns the call's info. It's nil if an interceptor has replaced ctx, and then
// the call has no credential.
func infoOf(ctx context.Context) *connect.CallInfo {
	info, _ := connect.CallInfoForServerContext(ctx)
	return info
}

// refuse returns the error for a refused call, and sends the challenge wherever it can
// travel.
func refuse(ctx context.Context, info *connect.CallInfo, refusal *interceptor.Refusal, sent bool) error {
	leaveBody(ctx, info, sent)
	if !sent {
		setPrivate(info)
	}
	switch {
	case info == nil || refusal.Challenge == "":
	case !sent:
		info.ResponseHeader().Set("WWW-Authenticate", refusal.Challenge)
		if refusal.Nonce != "" {
			info.ResponseHeader().Set("DPoP-Nonce", refusal.Nonce)
			info.ResponseHeader().Set("Cache-Control", "no-store") // RFC 9449, section 8.2
		}
	case info.Protocol == connect.ProtocolNameGRPC:
		// The challenge can't travel: net/http would drop the trailer and log a line for it.
	default:
		info.ResponseTrailer().Set("WWW-Authenticate", refusal.Challenge)
	}
	return newError(refusal)
}

// sendNonce gives an admitted caller its next nonce, if there is one. A response to a GET
// carries none, since its handler may let caches keep it.
func sendNonce(info *connect.CallInfo, nonce string) {
	if nonce != "" && info != nil && !isGet(info) {
		info.ResponseHeader().Set("DPoP-Nonce", nonce)
	}
}

// leaveBody leaves the rest of a request over HTTP to the middleware. A call in process
// has its caller's context, and the request in there isn't its own.
func leaveBody(ctx context.Context, info *connect.CallInfo, sent bool) {
	if info == nil || isInProcess(info) {
		return
	}
	earlyhttp.LeaveBody(ctx)
	if !sent && earlyhttp.EndsConnection(ctx) {
		info.ResponseHeader().Set("Connection", "close")
	}
}

func newError(refusal *interceptor.Refusal) *connect.Error {
	err := connect.NewError(connect.Code(refusal.Code), refusal.Message)
	for _, detail := range refusal.Details {
		err = err.WithDetail(&connect.ErrorDetail{
			Type:  string(detail.MessageName()),
			Value: detail.GetValue(),
		})
	}
	return err
}
