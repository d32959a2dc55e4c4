package interceptor_test

import (
	"context"
	"testing"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
)

func TestAdmissionHidesAnOuterCallsClaims(t *testing.T) {
	outer := interceptor.ContextWithClaims(t.Context(), claimsOf(map[string]any{"sub": "outer"}))
	auth := mustNew(t, acceptAll{}, interceptor.WithPolicy(interceptor.Policy{
		"/a.S/Public":   {Access: interceptor.AccessPublic},
		"/a.S/Optional": {Access: interceptor.AccessOptional},
	}))
	for _, procedure := range []string{"/a.S/Public", "/a.S/Optional"} {
		ctx := admit(outer, t, auth, interceptor.Call{Procedure: procedure}).Context()
		if claims, ok := interceptor.ClaimsFromContext(ctx); ok || claims != nil {
			t.Errorf("%s has an outer call's claims", procedure)
		}
	}
	ctx := admit(outer, t, auth, withToken("/a.S/M")).Context()
	if claims, _ := interceptor.ClaimsFromContext(ctx); claims.Subject() != "user" {
		t.Errorf("subject = %q, want the caller's", claims.Subject())
	}
}

func TestAllowAndObserverSeeNoOuterCallsClaims(t *testing.T) {
	outer := interceptor.ContextWithClaims(t.Context(), claimsOf(map[string]any{"sub": "outer"}))
	subject := func(ctx context.Context) string {
		claims, ok := interceptor.ClaimsFromContext(ctx)
		if !ok {
			return "no claims"
		}
		return claims.Subject()
	}
	var allowed, observed string
	auth := mustNew(t, acceptAll{},
		interceptor.WithPolicy(interceptor.Policy{
			"/a.S/M": {Allow: func(ctx context.Context, _ *verifier.Claims) error {
				allowed = subject(ctx)
				return nil
			}},
		}),
		interceptor.WithObserver(func(ctx context.Context, _ interceptor.Decision) { observed = subject(ctx) }))
	admit(outer, t, auth, withToken("/a.S/M"))
	if allowed != "user" || observed != "user" {
		t.Errorf("Allow saw %q and the observer %q, want the caller", allowed, observed)
	}
	auth.Authenticate(outer, interceptor.Call{Procedure: "/a.S/M"})
	if observed != "no claims" {
		t.Errorf("on a refusal the observer saw %q", observed)
	}
}

func TestContextWithoutClaimsHasNone(t *testing.T) {
	if claims, ok := interceptor.ClaimsFromContext(t.Context()); ok || claims != nil {
		t.Error("an empty context has claims")
	}
	ctx := interceptor.ContextWithClaims(t.Context(), nil)
	if _, ok := interceptor.ClaimsFromContext(ctx); ok {
		t.Error("nil claims count as claims")
	}
}

func TestAdmissionKeepsOtherContextValues(t *testing.T) {
	type key struct{}
	outer := context.WithValue(t.Context(), key{}, "outer")
	if admit(outer, t, mustNew(t, acceptAll{}), withToken("/a.S/M")).Context().Value(key{}) != "outer" {
		t.Error("a value was lost")
	}
}
