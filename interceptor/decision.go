package interceptor

import (
	"log/slog"
	"strconv"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
)

// A Decision is what was decided about one call, for metrics and audit logs. The
// observer gets one for every call, and a second one if an admitted call is refused
// later: see [Stage].
type Decision struct {
	Procedure  string           // with StageEarly it's the caller's word: there may be no such procedure
	Peer       string           // the caller's address, as the framework knows it
	Rule       string           // the policy key that applied; "" when none did
	Credential string           // the [Place] of the call's credential, as text; "" for none, or several
	Code       Code             // CodeOK, or the refusal's
	Claims     *verifier.Claims // the caller's, once verified, even if then refused; nil for an anonymous one
	Err        error            // why the call was refused, and what to change. Never show it to callers
	Stage      Stage            // when it was decided
	Duration   time.Duration    // how long deciding took; after StageStart, how long the call took

	access Access // the rule's
}

// LogValue implements [slog.LogValuer]. It names the token, and nothing else about the
// caller.
func (d Decision) LogValue() slog.Value {
	attrs := []slog.Attr{
		slog.String("procedure", d.Procedure),
		slog.String("code", d.Code.String()),
		slog.String("stage", d.Stage.String()),
		slog.Duration("duration", d.Duration),
	}
	if d.Peer != "" {
		attrs = append(attrs, slog.String("peer", d.Peer))
	}
	if d.Rule != "" {
		attrs = append(attrs, slog.String("rule", d.Rule))
	}
	if d.Credential != "" {
		attrs = append(attrs, slog.String("credential", d.Credential))
	}
	if d.Claims != nil {
		attrs = append(attrs, slog.String("caller", d.Claims.String()))
	}
	if d.Err != nil {
		attrs = append(attrs, slog.String("reason", string(verifier.CodeOf(d.Err))), slog.String("err", d.Err.Error()))
	}
	return slog.GroupValue(attrs...)
}

// A Stage is the moment at which a call was decided.
type Stage int

const (
	// StageStart is before the handler. It's the zero value.
	StageStart Stage = iota

	// StageHandler is after the handler, which refused its caller: see the Refuse
	// functions in packages grpcauth, connectauth and httpauth.
	StageHandler

	// StageStream is after a stream was ended while it ran: its token expired or was
	// revoked, or the verifier doesn't accept it any more.
	StageStream

	// StageEarly is ahead of the interceptor, in middleware. The procedure may not
	// exist: don't use it as a metric's label.
	StageEarly
)

// String returns "start", "handler", "stream" or "early".
func (s Stage) String() string {
	switch s {
	case StageStart:
		return "start"
	case StageHandler:
		return "handler"
	case StageStream:
		return "stream"
	case StageEarly:
		return "early"
	default:
		return "stage_" + strconv.Itoa(int(s))
	}
}

// A Code says how a call was decided. gRPC and Connect use the same numbers: convert it
// to a codes.Code or a connect.Code.
type Code uint32

// The codes that a [Decision] or a [Refusal] can have.
const (
	CodeOK               Code = 0
	CodeCanceled         Code = 1  // the caller left
	CodeDeadlineExceeded Code = 4  // the call's deadline passed
	CodePermissionDenied Code = 7  // the token is valid, but doesn't grant enough
	CodeUnimplemented    Code = 12 // ahead of the interceptor: the path names no procedure
	CodeInternal         Code = 13 // our side made a mistake
	CodeUnavailable      Code = 14 // the token can't be judged now: its issuer's keys are unavailable, say
	CodeUnauthenticated  Code = 16 // there is no token, or it isn't valid
)

// String returns the code as Connect spells it, such as "permission_denied", and "ok"
// for CodeOK.
func (c Code) String() string {
	switch c {
	case CodeOK:
		return "ok"
	case CodeCanceled:
		return "canceled"
	case CodeDeadlineExceeded:
		return "deadline_exceeded"
	case CodePermissionDenied:
		return "permission_denied"
	case CodeUnimplemented:
		return "unimplemented"
	case CodeInternal:
		return "internal"
	case CodeUnavailable:
		return "unavailable"
	case CodeUnauthenticated:
		return "unauthenticated"
	default:
		return "code_" + strconv.FormatUint(uint64(c), 10)
	}
}
