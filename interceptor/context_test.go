package interceptor_test

import (
	"context"
	"testing"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
)

func TestClaimsOfAnOuterCallAreHidden(t *testing.T) {
	outer := interceptor.ContextWithClaims(t.Context(), claimsOf(map[string]any{"sub": "outer"}))
	auth := mustNew(t, acceptAll{}, interceptor.WithPolicy(interceptor.Policy{
		"/a.S/Public":   {Access: interceptor.Public},
		"/a.S/Optional": {Access: interceptor.Optional},
	}))
	for _, procedure := range []string{"/a.S/Public", "/a.S/Optional"} {
		ctx, refusal := auth.Authenticate(outer, interceptor.Call{Procedure: procedure})
		if refusal != nil {
			t.Fatal(refusal)
		}
		if claims, ok := interceptor.ClaimsFromContext(ctx); ok || claims != nil {
			t.Errorf("%s carries the claims of an outer call", procedure)
		}
	}
	ctx, refusal := auth.Authenticate(outer, withToken("/a.S/M"))
	if refusal != nil {
		t.Fatal(refusal)
	}
	if claims, _ := interceptor.ClaimsFromContext(ctx); claims.Subject() != "user" {
		t.Errorf("subject = %q, want the caller's", claims.Subject())
	}
}

func TestAllowAndObserverSeeNoClaimsOfAnOuterCall(t *testing.T) {
	outer := interceptor.ContextWithClaims(t.Context(), claimsOf(map[string]any{"sub": "outer"}))
	subject := func(ctx context.Context) string {
		claims, ok := interceptor.ClaimsFromContext(ctx)
		if !ok {
			return "nobody"
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
	if _, refusal := auth.Authenticate(outer, withToken("/a.S/M")); refusal != nil {
		t.Fatal(refusal)
	}
	if allowed != "user" || observed != "user" {
		t.Errorf("Allow saw %q and the observer %q, want the caller", allowed, observed)
	}
	auth.Authenticate(outer, interceptor.Call{Procedure: "/a.S/M"})
	if observed != "nobody" {
		t.Errorf("the observer of a refusal saw %q", observed)
	}
}

func TestContextWithoutClaims(t *testing.T) {
	if claims, ok := interceptor.ClaimsFromContext(t.Context()); ok || claims != nil {
		t.Error("an empty context has claims")
	}
	ctx := interceptor.ContextWithClaims(t.Context(), nil)
	if _, ok := interceptor.ClaimsFromContext(ctx); ok {
		t.Error("nil claims count as claims")
	}
}

func TestContextOfACallKeepsTheValuesAroundIt(t *testing.T) {
	type key struct{}
	around := context.WithValue(t.Context(), key{}, "around")
	ctx, refusal := mustNew(t, acceptAll{}).Authenticate(around, withToken("/a.S/M"))
	if refusal != nil {
		t.Fatal(refusal)
	}
	if ctx.Value(key{}) != "around" {
		t.Error("a value is lost")
	}
}
