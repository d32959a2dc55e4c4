package interceptor

import (
	"context"
	"time"
)

// An admission is the context of an admitted call. It hides whatever an outer call
// has left in its parent.
type admission struct {
	context.Context

	auth     *Authenticator
	decision Decision
	start    time.Time
}

type admissionKey struct{}

// Value implements [context.Context].
func (a *admission) Value(key any) any {
	switch key {
	case claimsKey{}:
		return a.decision.Claims
	case admissionKey{}:
		return a
	default:
		return a.Context.Value(key)
	}
}

// end reports a call that was refused after it had been admitted.
func (a *admission) end(ctx context.Context, d Decision) {
	d.Duration = time.Since(a.start)
	a.auth.report(ctx, d)
}

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
