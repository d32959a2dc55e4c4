package interceptor_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

func TestClaimsWithAnErrorAreIgnored(t *testing.T) {
	auth := mustNew(t, verifyFunc(func(string) (*verifier.Claims, error) {
		return claimsOf(nil), &verifier.AuthError{Code: verifier.CodeInvalidToken}
	}))
	if admission, refusal := auth.Authenticate(t.Context(), withToken("/a.S/M")); refusal == nil || admission != nil {
		t.Errorf("got %v, %v; want a refusal alone", admission, refusal)
	}
}

// counting counts the tokens that it verifies.
type counting struct {
	count *int
	next  interceptor.TokenVerifier
}

func (c counting) Verify(ctx context.Context, token string) (*verifier.Claims, error) {
	*c.count++
	return c.next.Verify(ctx, token)
}

func TestPreauthenticateSavesTheSecondVerification(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := verifiertest.NewIssuer()
		v, err := verifier.New(issuer.Config())
		if err != nil {
			t.Fatal(err)
		}
		verified := 0
		policy := interceptor.WithPolicy(interceptor.Policy{
			"/a.S/Admin":  {Require: verifier.Requirement{Scopes: []string{"admin"}}},
			"/a.S/Public": {Access: interceptor.AccessPublic},
		})
		auth := mustNew(t, counting{&verified, v}, policy)
		call := interceptor.Call{Procedure: "/a.S/M", Authorization: []string{"Bearer " + issuer.Token(nil)}}

		early, refusal := auth.Preauthenticate(t.Context(), call)
		if refusal != nil {
			t.Fatal(refusal)
		}
		if _, ok := interceptor.ClaimsFromContext(early); ok {
			t.Error("the context has claims before the procedure is certain")
		}
		admission := admit(early, t, auth, call)
		if verified != 1 {
			t.Errorf("%d verifications, want 1", verified)
		}
		if claims, _ := interceptor.ClaimsFromContext(admission.Context()); claims.Subject() != "user" {
			t.Errorf("subject = %q", claims.Subject())
		}

		other := call
		other.Procedure = "/a.S/Admin"
		if _, refusal := auth.Authenticate(early, other); refusal == nil {
			t.Error("the rule of the real procedure was not evaluated")
		}

		other = call
		other.Authorization = []string{"Bearer " + issuer.Token(map[string]any{"sub": "else"})}
		if admit(early, t, auth, other); verified != 2 {
			t.Errorf("%d verifications, want another one for another token", verified)
		}

		strict := mustNew(t, verifyFunc(func(string) (*verifier.Claims, error) {
			return nil, &verifier.AuthError{Code: verifier.CodeInvalidAudience}
		}))
		if _, refusal := strict.Authenticate(early, call); refusal == nil {
			t.Error("one authenticator trusted what another had verified")
		}

		time.Sleep(5 * time.Minute)
		if _, refusal := auth.Authenticate(early, call); reasonOf(t, refusal) != "TOKEN_EXPIRED" {
			t.Errorf("a token that expired in between: %v", refusal)
		}
	})
}

func TestPreauthenticateReportsRefusalsOnly(t *testing.T) {
	var log auditLog
	auth := mustNew(t, acceptAll{}, log.observer())
	if _, refusal := auth.Preauthenticate(t.Context(), withToken("/a.S/M")); refusal != nil || len(log) != 0 {
		t.Errorf("admitted: %v, reported %d times", refusal, len(log))
	}
	if _, refusal := auth.Preauthenticate(t.Context(), interceptor.Call{Procedure: "/a.S/M"}); refusal == nil || len(log) != 1 {
		t.Errorf("refused: %v, reported %d times", refusal, len(log))
	}
}

func TestPreauthenticatedTokenMustStillSatisfyMaxAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := verifiertest.NewIssuer()
		auth := mustNew(t, verifierThatRequires(t, issuer, verifier.Requirement{MaxAge: time.Minute}))
		call := interceptor.Call{Procedure: "/a.S/M", Authorization: []string{
			"Bearer " + issuer.Token(map[string]any{"auth_time": time.Now().Unix()}),
		}}
		early, refusal := auth.Preauthenticate(t.Context(), call)
		if refusal != nil {
			t.Fatal(refusal)
		}
		time.Sleep(time.Minute)
		if _, refusal := auth.Authenticate(early, call); refusal != nil {
			t.Errorf("at the last moment: %v", refusal)
		}
		time.Sleep(1)
		if _, refusal := auth.Authenticate(early, call); reasonOf(t, refusal) != "INSUFFICIENT_USER_AUTHENTICATION" {
			t.Errorf("too late: %v", refusal)
		}
	})
}

func TestRefusalIsReportedWhenItReturns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log auditLog
		auth := mustNew(t, acceptAll{}, log.observer(), interceptor.WithPolicy(interceptor.Policy{"/a.S/*": {}}))
		admission := admit(t.Context(), t, auth, withToken("/a.S/M"))
		cause := errors.New("the order is another customer's")
		refusal := interceptor.NewRefusal(admission.Context(), cause)
		if len(log) != 1 {
			t.Errorf("%d decisions before the handler returned, want only the first", len(log))
		}
		time.Sleep(time.Second)
		if got := admission.End(refusal); got != refusal {
			t.Errorf("End returned %v, want the refusal", got)
		}
		if len(log) != 2 {
			t.Fatalf("%d decisions, want one at the start and one at the end", len(log))
		}
		if d := log[1]; d.Stage != interceptor.StageHandler || d.Code != interceptor.CodePermissionDenied || !errors.Is(d.Err, cause) ||
			d.Procedure != "/a.S/M" || d.Rule != "/a.S/*" || d.Claims.Subject() != "user" || d.Duration != time.Second {
			t.Errorf("at the end: %+v", d)
		}
	})
}

func TestObserverOfALateRefusalSeesTheCallersContext(t *testing.T) {
	type key struct{}
	var subject string
	var value any
	auth := mustNew(t, acceptAll{}, interceptor.WithObserver(func(ctx context.Context, d interceptor.Decision) {
		if d.Stage == interceptor.StageHandler {
			claims, _ := interceptor.ClaimsFromContext(ctx)
			subject, value = claims.Subject(), ctx.Value(key{})
		}
	}))
	admission := admit(context.WithValue(t.Context(), key{}, "trace"), t, auth, withToken("/a.S/M"))
	admission.End(interceptor.NewRefusal(admission.Context(), nil))
	if subject != "user" || value != "trace" {
		t.Errorf("the context has subject %q and value %v", subject, value)
	}
}

func TestDroppedRefusalIsNotReported(t *testing.T) {
	var log auditLog
	admission := admit(t.Context(), t, mustNew(t, acceptAll{}, log.observer()), withToken("/a.S/M"))
	interceptor.NewRefusal(admission.Context(), errors.New("no"))
	if refusal := admission.End(nil); refusal != nil || len(log) != 1 {
		t.Errorf("End returned %v after %d decisions, want nothing but the first", refusal, len(log))
	}
}

// A handler can make calls within the process, with its own context.
func TestRefusalOnlyEndsTheCallItWasMadeIn(t *testing.T) {
	var outerLog, innerLog auditLog
	outer := admit(t.Context(), t, mustNew(t, acceptAll{}, outerLog.observer()), withToken("/a.S/Outer"))
	inner := admit(outer.Context(), t, mustNew(t, acceptAll{}, innerLog.observer()), withToken("/a.S/Inner"))
	_, atStart := mustNew(t, acceptAll{}).Authenticate(outer.Context(), interceptor.Call{Procedure: "/a.S/Inner"})
	outerCause, innerCause := errors.New("outer"), errors.New("inner")
	ofOuter := interceptor.NewRefusal(outer.Context(), outerCause)
	ofInner := interceptor.NewRefusal(inner.Context(), innerCause)
	for _, test := range []struct {
		name      string
		admission *interceptor.Admission
		refusal   *interceptor.Refusal
	}{
		{"the inner call's refusal, in the outer call", outer, ofInner},
		{"the outer call's refusal, in the inner call", inner, ofOuter},
		{"another caller's refusal at its start", outer, atStart},
		{"a refusal made outside any call", outer, interceptor.NewRefusal(t.Context(), nil)},
	} {
		if got := test.admission.End(test.refusal); got != nil {
			t.Errorf("%s: End returned %v, want nil", test.name, got)
		}
	}
	if len(outerLog) != 1 || len(innerLog) != 1 {
		t.Errorf("%d and %d decisions, want none but the first of each call", len(outerLog), len(innerLog))
	}
	inner.End(ofInner)
	outer.End(ofOuter)
	if len(innerLog) != 2 || !errors.Is(innerLog[1].Err, innerCause) {
		t.Errorf("the inner call's observer saw %+v", innerLog)
	}
	if len(outerLog) != 2 || !errors.Is(outerLog[1].Err, outerCause) {
		t.Errorf("the outer call's observer saw %+v", outerLog)
	}
}

func TestAdmissionAllocatesOnce(t *testing.T) {
	claims := claimsOf(nil)
	auth := mustNew(t, verifyFunc(func(string) (*verifier.Claims, error) { return claims, nil }))
	ctx, call := t.Context(), withToken("/a.S/M")
	var admission *interceptor.Admission
	allocations := testing.AllocsPerRun(100, func() {
		admission, _ = auth.Authenticate(ctx, call)
		if admission.Context() == nil || admission.End(nil) != nil {
			t.Fatal("not admitted")
		}
	})
	if allocations != 1 {
		t.Errorf("%v allocations, want the Admission alone", allocations)
	}
}
