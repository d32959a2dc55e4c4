package interceptor

import (
	"strconv"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
)

// A Decision is what was decided about one call, for metrics and audit logs. The
// observer gets one for every call, and a second one if an admitted call is refused
// later: see [Stage].
type Decision struct {
	Procedure string           // as the caller names it; there may be no such procedure
	Rule      string           // the policy key that applied; "" when none did
	Code      Code             // CodeOK, or the refusal's
	Claims    *verifier.Claims // set for an admitted caller, even if later refused; nil for an anonymous one
	Err       error            // why the call was refused; verifier.CodeOf reads it. Never show it to callers
	Stage     Stage            // when it was decided
	Duration  time.Duration    // how long deciding took; after StageStart, how long the call took
}

// A Stage is the moment at which a call was decided.
type Stage int

const (
	// StageStart is before the handler. It's the zero value.
	StageStart Stage = iota

	// StageHandler is after the handler, which refused its caller: see the Refuse
	// functions in packages grpcauth and connectauth.
	StageHandler

	// StageStream is after a stream was ended while it ran, because its token expired.
	StageStream
)

// String returns "start", "handler" or "stream".
func (s Stage) String() string {
	switch s {
	case StageStart:
		return "start"
	case StageHandler:
		return "handler"
	case StageStream:
		return "stream"
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
	CodeInternal         Code = 13 // our side made a mistake
	CodeUnavailable      Code = 14 // the issuer's keys are unavailable
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
