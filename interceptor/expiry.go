package interceptor

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
)

// An expiry is when a stream's token expires, and when it's looked at before. The zero one
// never comes.
type expiry struct {
	at      time.Time
	recheck time.Duration         // 0: the verifier isn't asked again
	proven  verifier.Confirmation // at the stream's start
	timer   *time.Timer           // nil for the zero expiry
}

// begin has look called for the first time, in a goroutine of its own.
func (e *expiry) begin(claims *verifier.Claims, look func()) {
	e.proven = claims.Confirmation()
	e.recheck = claims.Recheck()
	e.at = claims.ValidUntil().Add(-rand.N(spreadOf(claims) + 1))
	e.timer = time.AfterFunc(time.Hour, look) // which uses the timer
	e.lookAgain()
}

// maxSpread is how long before the leeway is over a stream may end. Tokens expire at full
// seconds, and streams that end together keep other calls waiting.
const maxSpread = time.Second

// spreadOf is never longer than the leeway, so no stream ends before exp.
func spreadOf(claims *verifier.Claims) time.Duration {
	return min(maxSpread, claims.ValidUntil().Sub(claims.Expiry()))
}

func (e *expiry) lookAgain() { e.timer.Reset(e.nextLook()) }

func (e *expiry) stop() {
	if e.timer != nil {
		e.timer.Stop()
	}
}

func (e *expiry) hasCome() bool { return e.timer != nil && !time.Now().Before(e.at) }

const maxLook = time.Minute

// nextLook returns how long until the stream looks at its token again. It's spread, so
// that streams which began together don't.
func (e *expiry) nextLook() time.Duration {
	wait := maxLook
	if e.recheck > 0 {
		wait = min(wait, e.recheck)
	}
	wait -= rand.N(wait/5 + 1)
	return min(wait, time.Until(e.at))
}

// verifyAgain returns why the token isn't accepted any more. A verifier that panics says
// nothing about the token: there is no call here that the panic could end.
func (e *expiry) verifyAgain(
	ctx context.Context, credential credential,
) (refusal *verifier.AuthError, ok bool) {
	if e.recheck <= 0 {
		return nil, false
	}
	defer func() { _ = recover() }()
	ctx, cancel := context.WithDeadline(ctx, e.at) // when the stream ends anyway
	defer cancel()
	err := credential.judgeAgain(ctx, e.proven)
	refusal, ok = errors.AsType[*verifier.AuthError](err)
	if !ok || refusal == nil {
		return nil, false
	}
	switch refusal.Code {
	case verifier.CodeInsufficientScope, verifier.CodeInsufficientPermissions,
		verifier.CodeInsufficientUserAuthentication:
		return nil, false
	default:
		return refusal, true
	}
}
