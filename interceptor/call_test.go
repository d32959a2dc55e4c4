package interceptor_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

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

// What middleware found is no more than a first look: the verifier is asked again.
func TestVerdictAheadOfTheCallAdmitsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := verifiertest.NewIssuer()
		var log auditLog
		auth := mustNew(t, verifierOf(t, issuer.Config()), log.observer(), interceptor.WithPolicy(interceptor.Policy{
			"/a.S/Admin": {Require: verifier.Requirement{Scopes: []string{"admin"}}},
			"/a.S/M":     {},
		}))
		call := interceptor.Call{Procedure: "/a.S/M", Authorization: []string{"Bearer " + issuer.Token(map[string]any{
			"exp": time.Now().Add(time.Hour).Unix(),
		})}}
		if refusal := auth.Preauthenticate(t.Context(), call); refusal != nil || len(log) != 0 {
			t.Fatalf("admitted: %v, reported %d times", refusal, len(log))
		}
		other := call
		other.Procedure = "/a.S/Admin"
		if _, refusal := auth.Authenticate(t.Context(), other); reasonOf(t, refusal) != "INSUFFICIENT_SCOPE" {
			t.Errorf("the rule of the real procedure: %v", refusal)
		}
		issuer.Rotate() // the key is withdrawn while the rest of the call arrives
		time.Sleep(5*time.Minute + time.Second)
		if _, refusal := auth.Authenticate(t.Context(), call); reasonOf(t, refusal) != "KEY_NOT_FOUND" {
			t.Errorf("with a withdrawn key: %v", refusal)
		}
	})
}

func verifierOf(t *testing.T, config verifier.Config) *verifier.Verifier {
	t.Helper()
	v, err := verifier.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestPreauthenticateReportsRefusalsAsEarly(t *testing.T) {
	var log auditLog
	auth := mustNew(t, acceptAll{}, log.observer())
	call := interceptor.Call{Procedure: "/made.up/Procedure", Peer: "192.0.2.7:1234"}
	if refusal := auth.Preauthenticate(t.Context(), call); refusal == nil || len(log) != 1 {
		t.Fatalf("refused: %v, reported %d times", refusal, len(log))
	}
	if got := log[0]; got.Stage != interceptor.StageEarly || got.Peer != call.Peer || got.Procedure != call.Procedure {
		t.Errorf("decision = %+v, want an early one with its peer", got)
	}
}

func TestTokenThatExpiresWhileAllowRunsIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := verifiertest.NewIssuer()
		auth := mustNew(t, verifierOf(t, issuer.Config()), interceptor.WithPolicy(interceptor.Policy{"/*": {
			Allow: func(context.Context, *verifier.Claims) error { time.Sleep(10 * time.Second); return nil },
		}}))
		for lifetime, want := range map[time.Duration]string{10 * time.Second: "TOKEN_EXPIRED", 11 * time.Second: ""} {
			_, refusal := auth.Authenticate(t.Context(), interceptor.Call{
				Procedure:     "/a.S/M",
				Authorization: []string{"Bearer " + issuer.Token(map[string]any{"exp": time.Now().Add(lifetime).Unix()})},
			})
			if refusal == nil && want != "" || refusal != nil && reasonOf(t, refusal) != want {
				t.Errorf("with %v to live: %v, want %q", lifetime, refusal, want)
			}
		}
	})
}

// An audit log has to say who was turned away.
func TestDecisionNamesACallerWhoWasVerifiedAndDenied(t *testing.T) {
	var log auditLog
	auth := mustNew(t, acceptAll{}, log.observer(), interceptor.WithPolicy(interceptor.Policy{
		"/a.S/Scope":  {Require: verifier.Requirement{Scopes: []string{"other"}}},
		"/a.S/Allow":  {Allow: func(context.Context, *verifier.Claims) error { return errors.New("not on a Sunday") }},
		"/a.S/Denied": {Access: interceptor.AccessDenied},
	}))
	for _, procedure := range []string{"/a.S/Scope", "/a.S/Allow", "/a.S/Denied"} {
		log = nil
		if _, refusal := auth.Authenticate(t.Context(), withToken(procedure)); refusal == nil {
			t.Fatalf("%s: admitted", procedure)
		}
		if log[0].Claims == nil || log[0].Claims.Subject() != "user" || log[0].Err == nil {
			t.Errorf("%s: decision = %+v, want the caller's claims and an error", procedure, log[0])
		}
	}
}

func TestDecisionLogsItsCause(t *testing.T) {
	var text strings.Builder
	logger := slog.New(slog.NewTextHandler(&text, nil))
	auth := mustNew(t, acceptAll{}, interceptor.WithObserver(func(_ context.Context, d interceptor.Decision) {
		logger.Info("call", "decision", d)
	}), interceptor.WithPolicy(interceptor.Policy{
		"/a.S/M": {Allow: func(context.Context, *verifier.Claims) error { return errors.New("not on a Sunday") }},
	}))
	call := withToken("/a.S/M")
	call.Peer = "192.0.2.7:1234"
	if _, refusal := auth.Authenticate(t.Context(), call); refusal == nil {
		t.Fatal("admitted")
	}
	for _, want := range []string{
		"decision.procedure=/a.S/M", "decision.code=permission_denied", "decision.stage=start",
		"decision.peer=192.0.2.7:1234", "decision.rule=/a.S/M", "decision.caller=", "not on a Sunday",
		"decision.reason=insufficient_permissions",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the log lacks %q:\n%s", want, text.String())
		}
	}
	if strings.Contains(text.String(), "user") {
		t.Errorf("the log names the user:\n%s", text.String())
	}
}

// Claims that nothing has made say nothing, as nil ones do.
func TestZeroClaimsAreInternal(t *testing.T) {
	for _, claims := range []*verifier.Claims{nil, {}} {
		auth := mustNew(t, verifyFunc(func(string) (*verifier.Claims, error) { return claims, nil }))
		if _, refusal := auth.Authenticate(t.Context(), withToken("/a.S/M")); refusal == nil || refusal.Code != interceptor.CodeInternal {
			t.Errorf("%v: %v, want Internal", claims, refusal)
		}
	}
}

// A verifier may keep claims for longer than they are valid.
func TestExpiredClaimsAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		claims := claimsOf(map[string]any{"exp": time.Now().Add(life).Unix()})
		auth := mustNew(t, verifyFunc(func(string) (*verifier.Claims, error) { return claims, nil }))
		time.Sleep(life - time.Nanosecond)
		admit(t.Context(), t, auth, withToken("/a.S/M"))
		time.Sleep(time.Nanosecond)
		_, refusal := auth.Authenticate(t.Context(), withToken("/a.S/M"))
		if got := reasonOf(t, refusal); got != "TOKEN_EXPIRED" || refusal.Code != interceptor.CodeUnauthenticated {
			t.Errorf("refused with %v, %s; want TOKEN_EXPIRED", refusal.Code, got)
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

// Every call of a service gets there if a prefix was forgotten, and no caller knows why.
func TestPathWithoutAProcedureIsReported(t *testing.T) {
	var log auditLog
	auth := mustNew(t, acceptAll{}, log.observer(), interceptor.WithPolicy(interceptor.Policy{
		"/*": {Access: interceptor.AccessPublic},
	}))
	for _, path := range []string{"/api/a.S/M", "/", "", "/a.S/*", "/" + strings.Repeat("\u00e9", 1000)} {
		log = nil
		refusal := auth.Preauthenticate(t.Context(), withToken(path))
		if refusal == nil || refusal.Code != interceptor.CodeUnimplemented || refusal.Challenge != "" {
			t.Errorf("%.20q: %+v", path, refusal)
		}
		if len(log) != 1 || log[0].Code != interceptor.CodeUnimplemented || log[0].Stage != interceptor.StageEarly ||
			log[0].Err == nil || len(log[0].Procedure) > 256 || !utf8.ValidString(log[0].Procedure) {
			t.Errorf("%.20q: the observer saw %+v", path, log)
		}
	}
	log = nil
	if refusal := auth.Preauthenticate(t.Context(), withToken("/a.S/M")); refusal != nil || len(log) != 0 {
		t.Errorf("%+v, %+v", refusal, log)
	}
}
