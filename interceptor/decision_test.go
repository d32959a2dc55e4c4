package interceptor_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/genproto/googleapis/rpc/code"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
)

func TestObserverHearsOfEveryDecision(t *testing.T) {
	cause := errors.New("cause")
	fail := true
	var heard []interceptor.Decision
	auth := mustNew(t,
		verifyFunc(func(string) (*verifier.Claims, error) {
			if fail {
				return nil, cause
			}
			return claimsOf(nil), nil
		}),
		interceptor.WithObserver(func(_ context.Context, d interceptor.Decision) { heard = append(heard, d) }))
	_, _ = auth.Authenticate(t.Context(), withToken("/a.S/M"))
	fail = false
	_, _ = auth.Authenticate(t.Context(), withToken("/a.S/M"))
	_, _ = auth.Authenticate(t.Context(), interceptor.Call{Procedure: "nonsense"})
	if len(heard) != 3 {
		t.Fatalf("heard %d decisions, want 3", len(heard))
	}
	if d := heard[0]; d.Procedure != "/a.S/M" || d.Code != code.Code_INTERNAL || !errors.Is(d.Err, cause) || d.Claims != nil {
		t.Errorf("refused: %+v", d)
	}
	if d := heard[1]; d.Code != code.Code_OK || d.Err != nil || d.Claims.Subject() != "user" || d.Expired {
		t.Errorf("admitted: %+v", d)
	}
	if d := heard[2]; d.Code != code.Code_INTERNAL || d.Err == nil {
		t.Errorf("no procedure: %+v", d)
	}
}

func TestObserverHearsOfNoClaimsOfARefusedCaller(t *testing.T) {
	var heard []interceptor.Decision
	auth := mustNew(t, acceptAll{},
		interceptor.WithObserver(func(_ context.Context, d interceptor.Decision) { heard = append(heard, d) }),
		interceptor.WithPolicy(interceptor.Policy{"/a.S/M": {
			Allow: func(context.Context, *verifier.Claims) error { return errors.New("no") },
		}}))
	if _, refusal := auth.Authenticate(t.Context(), withToken("/a.S/M")); refusal == nil {
		t.Fatal("admitted")
	}
	if len(heard) != 1 || heard[0].Claims != nil {
		t.Errorf("heard %+v, want one decision without claims", heard)
	}
}

func TestWrappedRefusalReachesTheObserverAsItIs(t *testing.T) {
	wrapped := fmt.Errorf("the first of two issuers: %w", &verifier.AuthError{Code: verifier.CodeTokenExpired})
	var decided interceptor.Decision
	auth := mustNew(t,
		verifyFunc(func(string) (*verifier.Claims, error) { return nil, wrapped }),
		interceptor.WithObserver(func(_ context.Context, d interceptor.Decision) { decided = d }))
	_, refusal := auth.Authenticate(t.Context(), withToken("/a.S/M"))
	if !errors.Is(decided.Err, wrapped) || reasonOf(t, refusal) != "TOKEN_EXPIRED" {
		t.Errorf("observed %v, refused with %v", decided.Err, refusal)
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
