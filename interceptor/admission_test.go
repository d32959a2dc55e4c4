package interceptor_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/genproto/googleapis/rpc/code"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
)

func TestRefuseAnswersAsAllowDoes(t *testing.T) {
	auth := mustNew(t, acceptAll{}, interceptor.WithRealm("orders"),
		interceptor.WithResourceMetadata(interceptor.ResourceMetadata{Resource: "https://api.test"}))
	ctx, refusal := auth.Authenticate(t.Context(), withToken("/a.S/M"))
	if refusal != nil {
		t.Fatal(refusal)
	}
	const notAllowed = `error="insufficient_scope", error_description="the token lacks a required permission"`
	tests := []struct {
		name      string
		err       error
		code      code.Code
		reason    string
		challenge string
	}{
		{"an AuthError", &verifier.AuthError{Code: verifier.CodeInsufficientScope, Scopes: []string{"own"}},
			code.Code_PERMISSION_DENIED, "INSUFFICIENT_SCOPE", `error="insufficient_scope", scope="own"`},
		{"one that asks for another token", &verifier.AuthError{Code: verifier.CodeTokenExpired, Message: "m"},
			code.Code_UNAUTHENTICATED, "TOKEN_EXPIRED", `error="invalid_token", error_description="m"`},
		{"any other error", errors.New("secret"), code.Code_PERMISSION_DENIED, "INSUFFICIENT_PERMISSIONS", notAllowed},
		{"the end of the call", context.Canceled, code.Code_PERMISSION_DENIED, "INSUFFICIENT_PERMISSIONS", notAllowed},
		{"an outage of another issuer", &verifier.KeysError{Code: verifier.CodeJWKSError},
			code.Code_PERMISSION_DENIED, "INSUFFICIENT_PERMISSIONS", notAllowed},
		{"nil", nil, code.Code_PERMISSION_DENIED, "INSUFFICIENT_PERMISSIONS", notAllowed},
	}
	for _, test := range tests {
		refusal := interceptor.Refuse(ctx, test.err)
		if refusal.Code != test.code || reasonOf(t, refusal) != test.reason {
			t.Errorf("%s: %v %s, want %v %s", test.name, refusal.Code, reasonOf(t, refusal), test.code, test.reason)
		}
		want := `Bearer realm="orders", ` + test.challenge +
			`, resource_metadata="https://api.test/.well-known/oauth-protected-resource"`
		if refusal.Challenge != want {
			t.Errorf("%s: challenge = %s, want %s", test.name, refusal.Challenge, want)
		}
	}
}

func TestRefuseKnowsTheCallWhoeverMadeIt(t *testing.T) {
	auth := mustNew(t, acceptAll{}, interceptor.WithRealm("orders"), interceptor.WithPolicy(interceptor.Policy{
		"/a.S/Public":   {Access: interceptor.Public},
		"/a.S/Optional": {Access: interceptor.Optional},
	}))
	for _, procedure := range []string{"/a.S/Public", "/a.S/Optional"} {
		ctx, refusal := auth.Authenticate(t.Context(), interceptor.Call{Procedure: procedure})
		if refusal != nil {
			t.Fatal(refusal)
		}
		claims, _ := interceptor.ClaimsFromContext(ctx)
		refusal = interceptor.Refuse(ctx, verifier.Requirement{}.Check(claims))
		if refusal.Code != code.Code_UNAUTHENTICATED || refusal.Challenge != `Bearer realm="orders"` {
			t.Errorf("%s: %v %s, want a request for a token", procedure, refusal.Code, refusal.Challenge)
		}
	}
	stream, refusal := auth.AuthenticateStream(t.Context(), withToken("/a.S/M"), nil)
	if refusal != nil {
		t.Fatal(refusal)
	}
	defer stream.End()
	derived, cancel := context.WithCancel(stream.Context())
	defer cancel()
	if refusal := interceptor.Refuse(derived, nil); refusal.Code != code.Code_PERMISSION_DENIED {
		t.Errorf("in a stream: %v", refusal)
	}
}

func TestRefuseOutsideOfACallHasTheDefaultRealm(t *testing.T) {
	ctx := interceptor.ContextWithClaims(t.Context(), claimsOf(nil))
	refusal := interceptor.Refuse(ctx, nil)
	const want = `Bearer realm="api", error="insufficient_scope", error_description="the token lacks a required permission"`
	if refusal.Code != code.Code_PERMISSION_DENIED || refusal.Challenge != want {
		t.Errorf("%v %s, want %s", refusal.Code, refusal.Challenge, want)
	}
}

func TestInnermostCallIsTheOneThatIsRefused(t *testing.T) {
	outer, refusal := mustNew(t, acceptAll{}, interceptor.WithRealm("outer")).Authenticate(t.Context(), withToken("/a.S/M"))
	if refusal != nil {
		t.Fatal(refusal)
	}
	inner, refusal := mustNew(t, acceptAll{}, interceptor.WithRealm("inner")).Authenticate(outer, withToken("/b.S/M"))
	if refusal != nil {
		t.Fatal(refusal)
	}
	err := &verifier.AuthError{Code: verifier.CodeMissingToken}
	if got := interceptor.Refuse(inner, err).Challenge; got != `Bearer realm="inner"` {
		t.Errorf("challenge = %s", got)
	}
	if got := interceptor.Refuse(outer, err).Challenge; got != `Bearer realm="outer"` {
		t.Errorf("challenge = %s", got)
	}
}

func TestObserverHearsOfALateRefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var heard []interceptor.Decision
		auth := mustNew(t, acceptAll{},
			interceptor.WithObserver(func(_ context.Context, d interceptor.Decision) { heard = append(heard, d) }),
			interceptor.WithPolicy(interceptor.Policy{"/a.S/*": {}}))
		ctx, refusal := auth.Authenticate(t.Context(), withToken("/a.S/M"))
		if refusal != nil {
			t.Fatal(refusal)
		}
		time.Sleep(time.Second)
		cause := errors.New("the order is another customer's")
		interceptor.Refuse(ctx, cause)
		if len(heard) != 2 {
			t.Fatalf("heard %d decisions, want that of the start and that of the handler", len(heard))
		}
		if d := heard[0]; d.Late || d.Code != code.Code_OK {
			t.Errorf("at the start: %+v", d)
		}
		if d := heard[1]; !d.Late || d.Expired || d.Code != code.Code_PERMISSION_DENIED || !errors.Is(d.Err, cause) ||
			d.Procedure != "/a.S/M" || d.Rule != "/a.S/*" || d.Claims.Subject() != "user" || d.Duration != time.Second {
			t.Errorf("by the handler: %+v", d)
		}
	})
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
