package interceptor

import (
	"context"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
)

type claimsKey struct{}

// ClaimsFromContext returns the claims of the caller. There are none in public and
// anonymous calls, nor outside of a call.
func ClaimsFromContext(ctx context.Context) (*verifier.Claims, bool) {
	claims, _ := ctx.Value(claimsKey{}).(*verifier.Claims)
	return claims, claims != nil
}

// ContextWithClaims returns a context that carries claims, for tests of handlers.
// Package verifiertest makes them. In a server each decision replaces what an
// outer context carries.
func ContextWithClaims(ctx context.Context, claims *verifier.Claims) context.Context {
	return context.WithValue(ctx, claimsKey{}, claims)
}

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
