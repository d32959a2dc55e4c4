package interceptor

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/oidcrpc/oidcrpc/verifier"
)

// ErrorDomain is the domain of our google.rpc.ErrorInfo details (AIP-193).
const ErrorDomain = "github.com/oidcrpc/oidcrpc"

// A Refusal is the answer to a call that may not proceed, for an adapter to write.
// All of it is meant for the caller.
type Refusal struct {
	Code      code.Code // its numbers are those of gRPC and Connect
	Message   string
	Challenge string       // for WWW-Authenticate; "" when there is none to make
	Details   []*anypb.Any // ErrorInfo, and RetryInfo when trying again can help
}

// String returns the code and the message.
func (r *Refusal) String() string { return r.Code.String() + ": " + r.Message }

// Refuse returns how to refuse a call that was admitted, for what its handler has
// found out: see [Rule].Allow for what becomes of err. Ctx is that of the handler. It
// is for adapters: handlers use the functions of that name in packages grpcauth and
// connectauth.
//
// In a context that no Authenticator has admitted, as in tests of handlers, the
// challenge has the default realm and no observer hears of the refusal.
func Refuse(ctx context.Context, err error) *Refusal {
	err = notAllowed(err)
	call, ok := ctx.Value(admissionKey{}).(*admission)
	if !ok {
		return new(Authenticator).refuse(ctx, err)
	}
	refusal := call.auth.refuse(ctx, err)
	decision := call.decision
	decision.Code, decision.Err, decision.Late = refusal.Code, err, true
	call.end(ctx, decision)
	return refusal
}

// notAllowed returns the refusal that err is the reason for. An AuthError stands as
// it is; any other error says no more to the caller than no.
func notAllowed(err error) error {
	if authErr, ok := errors.AsType[*verifier.AuthError](err); ok && authErr != nil {
		return err
	}
	return &verifier.AuthError{
		Code:    verifier.CodeInsufficientPermissions,
		Message: "the call is not allowed",
		Err:     err,
	}
}

func (a *Authenticator) refuse(ctx context.Context, err error) *Refusal {
	// A nil pointer among them is no refusal, but somebody's mistake.
	if authErr, ok := errors.AsType[*verifier.AuthError](err); ok && authErr != nil {
		return a.refuseCaller(authErr)
	}
	if keysErr, ok := errors.AsType[*verifier.KeysError](err); ok && keysErr != nil {
		return &Refusal{
			Code:    code.Code_UNAVAILABLE,
			Message: "the access token cannot be verified at the moment",
			Details: details(
				&errdetails.ErrorInfo{Reason: reason(keysErr.Code), Domain: ErrorDomain},
				&errdetails.RetryInfo{RetryDelay: durationpb.New(max(0, keysErr.RetryAfter))},
			),
		}
	}
	// The call's own end, and not an error of that type from somewhere inside.
	switch ctx.Err() {
	case context.Canceled:
		return &Refusal{Code: code.Code_CANCELLED, Message: "the call was canceled"}
	case context.DeadlineExceeded:
		return &Refusal{Code: code.Code_DEADLINE_EXCEEDED, Message: "the call's deadline has passed"}
	}
	return &Refusal{Code: code.Code_INTERNAL, Message: "the call could not be authenticated"}
}

func (a *Authenticator) refuseCaller(err *verifier.AuthError) *Refusal {
	challenge := err.Challenge(a.realm)
	if a.resource != nil { // RFC 9728, section 5.1
		metadata := verifier.Param{Name: "resource_metadata", Value: a.resource.url}
		challenge.Params = append(challenge.Params, metadata)
	}
	info := &errdetails.ErrorInfo{
		Reason:   reason(err.Code),
		Domain:   ErrorDomain,
		Metadata: map[string]string{"challenge": challenge.String()},
	}
	if scope := challenge.Param("scope"); scope != "" {
		info.Metadata["scope"] = scope
	}
	refusal := &Refusal{
		Code:      code.Code_UNAUTHENTICATED,
		Message:   strings.ToValidUTF8(err.Message, "?"), // else grpc-go panics
		Challenge: challenge.String(),
		Details:   details(info),
	}
	if err.StatusCode() == http.StatusForbidden {
		refusal.Code = code.Code_PERMISSION_DENIED
	}
	return refusal
}

// reason spells a code as AIP-193 asks: [A-Z][A-Z0-9_]+[A-Z0-9].
func reason(c verifier.Code) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' {
			return r
		}
		return '_'
	}, strings.ToUpper(string(c)))
}

// details drops a message that cannot be encoded, rather than the refusal.
func details(messages ...proto.Message) []*anypb.Any {
	var encoded []*anypb.Any
	for _, message := range messages {
		if detail, err := anypb.New(message); err == nil {
			encoded = append(encoded, detail)
		}
	}
	return encoded
}
