package interceptor

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/oidcrpc/oidcrpc/verifier"
)

// ErrorDomain is the domain in our google.rpc.ErrorInfo details (AIP-193).
const ErrorDomain = "github.com/oidcrpc/oidcrpc"

// A Refusal is the answer to a call that may not proceed. Its fields are meant for the
// caller. For adapters.
type Refusal struct {
	Code      Code
	Message   string
	Challenge string       // for WWW-Authenticate; "" when there is none to send
	Nonce     string       // for DPoP-Nonce, beside the challenge; "" when there is none to send
	Details   []*anypb.Any // ErrorInfo, and RetryInfo when trying again can help

	// RetryAfter is when trying again can help, after an outage: the same as RetryInfo. A
	// path on which clients look elsewhere can send it there, too. 0 means that it can't.
	RetryAfter time.Duration

	call  *callContext // the call whose handler made it, if one did
	cause error        // for the observer
}

// NewRefusal returns how a handler refuses its caller for a reason that no rule could know.
// The handler must pass its own ctx, or one derived from it. An AuthError is used as
// is, and any other err becomes PermissionDenied: see [Rule].Allow. For adapters:
// handlers use the Refuse functions in packages grpcauth, connectauth and httpauth.
//
// NewRefusal reports nothing, since the handler may still drop the refusal.
// [Admission.End] reports one that comes back to the call it was made in. Outside a
// call, as in tests of handlers, the challenge has the default realm.
func NewRefusal(ctx context.Context, err error) *Refusal {
	err = denial(err)
	call, ok := ctx.Value(callKey{}).(*callContext)
	if !ok {
		return new(Authenticator).newRefusal(ctx, err, new(Decision))
	}
	refusal := call.auth.newRefusal(ctx, err, &call.decision)
	refusal.call, refusal.cause = call, err
	return refusal
}

// denial returns the error to refuse a caller with, for the reason err. An AuthError
// stands as it is. Any other error tells the caller no more than no.
func denial(err error) error {
	if authErr, ok := errors.AsType[*verifier.AuthError](err); ok && authErr != nil {
		return err
	}
	return &verifier.AuthError{
		Code:    verifier.CodeInsufficientPermissions,
		Message: "the call is not allowed",
		Err:     err,
	}
}

// newRefusal returns what err means to the caller. The decision says which credential it is
// about, and for which procedure.
func (a *Authenticator) newRefusal(ctx context.Context, err error, d *Decision) *Refusal {
	// A nil pointer in err is a mistake, not a refusal, and so Internal.
	if authErr, ok := errors.AsType[*verifier.AuthError](err); ok && authErr != nil {
		return a.newChallenge(authErr, d)
	}
	if keysErr, ok := errors.AsType[*verifier.KeysError](err); ok && keysErr != nil {
		return &Refusal{
			Code:       CodeUnavailable,
			Message:    "the access token cannot be verified at the moment",
			RetryAfter: max(0, keysErr.RetryAfter),
			Details: details(
				&errdetails.ErrorInfo{Reason: reason(keysErr.Code), Domain: ErrorDomain},
				&errdetails.RetryInfo{RetryDelay: durationpb.New(max(0, keysErr.RetryAfter))},
			),
		}
	}
	// The call's own end counts, not the same error from somewhere inside.
	switch ctx.Err() {
	case context.Canceled:
		return &Refusal{Code: CodeCanceled, Message: "the call was canceled"}
	case context.DeadlineExceeded:
		return &Refusal{Code: CodeDeadlineExceeded, Message: "the call's deadline has passed"}
	}
	return &Refusal{Code: CodeInternal, Message: "the call could not be authenticated"}
}

// newChallenge returns a refusal that tells the caller which token would do.
func (a *Authenticator) newChallenge(err *verifier.AuthError, d *Decision) *Refusal {
	s := shape{
		code: err.Code, message: err.Message,
		scopes: err.Scopes, permissions: err.Permissions, acrValues: err.ACRValues, maxAge: err.MaxAge,
		credential: d.Credential, takesOnlyDPoP: a.takesOnlyDPoP(err, d),
	}
	refusal := newRefusalOf(a.answers.get(&s, func() *answer { return a.newAnswer(err, &s) }))
	if err.Code == verifier.CodeUseDPoPNonce && a.dpop != nil {
		refusal.Nonce = a.dpop.Nonce()
	}
	return refusal
}

// newRefusalOf returns a refusal with an answer. Receivers may change it, since all memory in it is
// its own.
func newRefusalOf(a *answer) *Refusal {
	made := &struct { // at once, for one allocation
		Refusal

		info anypb.Any
		list [1]*anypb.Any
	}{Refusal: Refusal{Code: a.code, Message: a.message, Challenge: a.challenge}}
	if a.infoType != "" {
		made.info.TypeUrl, made.info.Value = a.infoType, []byte(a.info)
		made.list[0] = &made.info
		made.Details = made.list[:]
	}
	return &made.Refusal
}

// newAnswer makes the answer that tells the caller which token would do.
func (a *Authenticator) newAnswer(err *verifier.AuthError, s *shape) *answer {
	text := a.challenge(err, s)
	info := &errdetails.ErrorInfo{Reason: reason(err.Code), Domain: ErrorDomain, Metadata: make(map[string]string)}
	if text != "" {
		info.Metadata["challenge"] = text
	}
	if permissions := list(err.Permissions, maxChallengeBytes-len(text)); permissions != "" {
		info.Metadata["permissions"] = permissions
	}
	message := err.Message[:min(len(err.Message), maxMessageBytes)]
	made := &answer{
		code:      CodeUnauthenticated,
		message:   strings.ToValidUTF8(message, "?"), // else grpc-go panics
		challenge: text,
	}
	for _, detail := range details(info) {
		made.infoType, made.info = detail.GetTypeUrl(), string(detail.GetValue())
	}
	if err.StatusCode() == http.StatusForbidden {
		made.code = CodePermissionDenied
	}
	return made
}

// challenge returns the challenges of all schemes that would do: Bearer's, DPoP's, and then
// the others'. DPoP's comes first if the caller used that scheme.
//
// What was wrong stands only in the challenge for the scheme that the caller used, and in
// Bearer's if that isn't clear (RFC 9449, section 7.2). The others say that they would do.
// Where a credential of another kind is to blame, none says what was wrong with it: error
// parameters speak of a token (RFC 6750, section 3), which the caller didn't send.
func (a *Authenticator) challenge(err *verifier.AuthError, s *shape) string {
	var challenges []verifier.Challenge
	offer := (&verifier.AuthError{Code: verifier.CodeMissingToken}).Challenge(a.realm)
	blame := err.Challenge(a.realm)
	if s.credential != "" && s.credential != bearerLabel && s.credential != dpopLabel {
		blame = offer
	}
	takesBearer := !a.noBearer && !s.takesOnlyDPoP
	isDPoP := s.credential == dpopLabel || blame.Scheme == dpopPlace.name || !takesBearer
	switch {
	case takesBearer && isDPoP:
		challenges = append(challenges, offer)
	case takesBearer:
		challenges = append(challenges, blame)
	}
	switch {
	case a.dpop != nil && isDPoP:
		challenges = append(challenges, a.dpopOffer(blame))
	case a.dpop != nil:
		challenges = append(challenges, a.dpopOffer(offer))
	}
	if len(challenges) == 0 {
		return strings.TrimPrefix(a.challenges, ", ")
	}
	if isDPoP {
		slices.Reverse(challenges) // some clients read only the first
	}
	if a.resource != nil { // RFC 9728, section 5.1
		metadata := verifier.Param{Name: "resource_metadata", Value: a.resource.url}
		challenges[0].Params = append(challenges[0].Params, metadata)
	}
	return shorten(challenges, maxChallengeBytes-len(a.challenges)) + a.challenges
}

// takesOnlyDPoP reports whether the procedure takes no bearer token, and no token under the
// scheme Bearer whose certificate would prove it.
func (a *Authenticator) takesOnlyDPoP(err *verifier.AuthError, d *Decision) bool {
	if a.dpop == nil || a.mutualTLS != nil {
		return false
	}
	rule, _ := a.rules().rule(d.Procedure)
	return err.Code == verifier.CodeUnboundToken || rule.Require.Bound
}

// A refusal travels in the header list of a response, most of it twice. C-core clients and
// nginx lose a response whose list passes 4 to 8 KiB, and then make another code of it.
const (
	maxChallengeBytes = 1000
	maxMessageBytes   = 256
)

// shorten writes challenges without what makes them too long. The rest is bounded.
func shorten(challenges []verifier.Challenge, maxBytes int) string {
	text := join(challenges)
	for _, name := range []string{"scope", "acr_values", "error_description"} {
		if len(text) <= maxBytes {
			break
		}
		for i := range challenges {
			challenges[i].Params = slices.DeleteFunc(slices.Clone(challenges[i].Params),
				func(p verifier.Param) bool { return p.Name == name })
		}
		text = join(challenges)
	}
	return text
}

// join writes challenges as a list (RFC 9110, section 11.6.1).
func join(challenges []verifier.Challenge) string {
	texts := make([]string, len(challenges))
	for i, challenge := range challenges {
		texts[i] = challenge.String()
	}
	return strings.Join(texts, ", ")
}

// list separates values by spaces, as a challenge separates scopes. It returns "" if they don't
// fit, or if a client could not tell them apart. A challenge has no parameter for permissions, so
// they stand beside it, within the same bound.
func list(values []string, maxBytes int) string {
	unfit := func(r rune) bool { return r <= ' ' || r > '~' }
	isUnfit := func(value string) bool { return value == "" || strings.ContainsFunc(value, unfit) }
	text := strings.Join(values, " ")
	if len(text) > maxBytes || slices.ContainsFunc(values, isUnfit) {
		return ""
	}
	return text
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

// details drops a message that can't be encoded, rather than the refusal.
func details(messages ...proto.Message) []*anypb.Any {
	var encoded []*anypb.Any
	for _, message := range messages {
		if detail, err := anypb.New(message); err == nil {
			encoded = append(encoded, detail)
		}
	}
	return encoded
}
