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

type verifiedKey struct{}

// verified remembers what Preauthenticate found: these claims, by this
// authenticator, of exactly this token.
type verified struct {
	by     *Authenticator
	token  string
	claims *verifier.Claims
}

func (a *Authenticator) rememberVerified(ctx context.Context, call Call, claims *verifier.Claims) context.Context {
	if claims == nil {
		return ctx
	}
	token, err := bearerToken(call.Authorization)
	if err != nil {
		return ctx
	}
	return context.WithValue(ctx, verifiedKey{}, verified{by: a, token: token, claims: claims})
}

// verified returns the remembered claims of token, or nil. They are good only as
// long as the token is: a caller can take its time to send the rest of the call.
func (a *Authenticator) verified(ctx context.Context, token string) *verifier.Claims {
	v, ok := ctx.Value(verifiedKey{}).(verified)
	if !ok || v.by != a || v.token != token || !time.Now().Before(v.claims.ValidUntil()) {
		return nil
	}
	return v.claims
}
