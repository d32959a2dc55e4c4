package interceptor

import (
	"context"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
)

type claimsKey struct{}

// ClaimsFromContext returns the caller's claims. A public or anonymous call has none,
// and neither has a context outside a call.
func ClaimsFromContext(ctx context.Context) (*verifier.Claims, bool) {
	claims, _ := ctx.Value(claimsKey{}).(*verifier.Claims)
	return claims, claims != nil
}

// ContextWithClaims returns a context that carries claims, often useful in tests of
// handlers. Package verifiertest makes claims. In a server each call's own claims
// replace an outer call's.
func ContextWithClaims(ctx context.Context, claims *verifier.Claims) context.Context {
	return context.WithValue(ctx, claimsKey{}, claims)
}

// A callContext is the handler's context in an admitted call. It hides an outer call in
// its parent.
type callContext struct {
	context.Context

	auth     *Authenticator
	decision Decision
	start    time.Time
	token    *secret // nil unless the handler may read it
	request  Request
	nonce    string // for the response
}

type callKey struct{}

// Value implements [context.Context].
func (c *callContext) Value(key any) any {
	switch key {
	case claimsKey{}:
		return c.decision.Claims
	case callKey{}:
		return c
	case tokenKey{}:
		return c.token
	default:
		return c.Context.Value(key)
	}
}

// ConnectionFromContext returns the connection of an admitted call, to its handler. Package
// connectauth knows it only behind its middleware.
func ConnectionFromContext(ctx context.Context) Connection {
	call, _ := ctx.Value(callKey{}).(*callContext)
	if call == nil {
		return Connection{}
	}
	return connectionOf(call.Context, call.request)
}
