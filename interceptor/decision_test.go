package interceptor_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
)

func TestObserverSeesEveryDecision(t *testing.T) {
	cause := errors.New("cause")
	fail := true
	var log auditLog
	auth := mustNew(t, verifyFunc(func(string) (*verifier.Claims, error) {
		if fail {
			return nil, cause
		}
		return claimsOf(nil), nil
	}), log.observer())
	_, _ = auth.Authenticate(t.Context(), withToken("/a.S/M"))
	fail = false
	_, _ = auth.Authenticate(t.Context(), withToken("/a.S/M"))
	_, _ = auth.Authenticate(t.Context(), interceptor.Call{Procedure: "nonsense"})
	if len(log) != 3 {
		t.Fatalf("%d decisions, want 3", len(log))
	}
	if d := log[0]; d.Procedure != "/a.S/M" || d.Code != interceptor.CodeInternal || !errors.Is(d.Err, cause) || d.Claims != nil {
		t.Errorf("refused: %+v", d)
	}
	if d := log[1]; d.Code != interceptor.CodeOK || d.Err != nil || d.Claims.Subject() != "user" {
		t.Errorf("admitted: %+v", d)
	}
	if d := log[2]; d.Code != interceptor.CodeInternal || d.Err == nil {
		t.Errorf("no procedure: %+v", d)
	}
	for _, d := range log {
		if d.Stage != interceptor.StageStart {
			t.Errorf("%s: stage = %v, want start", d.Procedure, d.Stage)
		}
	}
}

func TestDecisionOnAnUnverifiedCallerHasNoClaims(t *testing.T) {
	var log auditLog
	auth := mustNew(t, verifyFunc(func(string) (*verifier.Claims, error) {
		return claimsOf(nil), &verifier.AuthError{Code: verifier.CodeTokenExpired}
	}), log.observer())
	if _, refusal := auth.Authenticate(t.Context(), withToken("/a.S/M")); refusal == nil {
		t.Fatal("admitted")
	}
	if len(log) != 1 || log[0].Claims != nil {
		t.Errorf("observed %+v, want one decision without claims", log)
	}
}

func TestObserverSeesTheVerifiersErrorUnchanged(t *testing.T) {
	wrapped := fmt.Errorf("the first of two issuers: %w", &verifier.AuthError{Code: verifier.CodeTokenExpired})
	var log auditLog
	auth := mustNew(t, verifyFunc(func(string) (*verifier.Claims, error) { return nil, wrapped }), log.observer())
	_, refusal := auth.Authenticate(t.Context(), withToken("/a.S/M"))
	if !errors.Is(log[0].Err, wrapped) || reasonOf(t, refusal) != "TOKEN_EXPIRED" {
		t.Errorf("observed %v, refused with %v", log[0].Err, refusal)
	}
}

func TestConstantsHaveNames(t *testing.T) {
	for name, value := range map[string]fmt.Stringer{
		"required": interceptor.AccessRequired,
		"optional": interceptor.AccessOptional,
		"public":   interceptor.AccessPublic,
		"denied":   interceptor.AccessDenied,
		"access_4": interceptor.AccessDenied + 1,
		"start":    interceptor.StageStart,
		"handler":  interceptor.StageHandler,
		"stream":   interceptor.StageStream,
		"stage_4":  interceptor.StageEarly + 1,
		"ok":       interceptor.CodeOK,
		"early":    interceptor.StageEarly,
		"code_17":  interceptor.CodeUnauthenticated + 1, // the others: see connectauth's tests
	} {
		if got := value.String(); got != name {
			t.Errorf("got %q, want %q", got, name)
		}
	}
}
