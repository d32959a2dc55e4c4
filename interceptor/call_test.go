package interceptor_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

func TestClaimsWithAnErrorAreNotBelieved(t *testing.T) {
	auth := mustNew(t, verifyFunc(func(string) (*verifier.Claims, error) {
		return claimsOf(nil), &verifier.AuthError{Code: verifier.CodeInvalidToken}
	}))
	if ctx, refusal := auth.Authenticate(t.Context(), withToken("/a.S/M")); refusal == nil || ctx != nil {
		t.Errorf("got %v, %v; want a refusal and no context", ctx, refusal)
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
		tokens, err := verifier.New(issuer.Config())
		if err != nil {
			t.Fatal(err)
		}
		verified := 0
		policy := interceptor.WithPolicy(interceptor.Policy{
			"/a.S/Admin":  {Require: verifier.Requirement{Scopes: []string{"admin"}}},
			"/a.S/Public": {Access: interceptor.Public},
		})
		auth := mustNew(t, counting{&verified, tokens}, policy)
		call := interceptor.Call{Procedure: "/a.S/M", Authorization: []string{"Bearer " + issuer.Token(nil)}}

		early, refusal := auth.Preauthenticate(t.Context(), call)
		if refusal != nil {
			t.Fatal(refusal)
		}
		if _, ok := interceptor.ClaimsFromContext(early); ok {
			t.Error("claims stand in the context before the procedure is certain")
		}
		ctx, refusal := auth.Authenticate(early, call)
		if refusal != nil || verified != 1 {
			t.Errorf("got %v after %d verifications, want 1", refusal, verified)
		}
		if claims, _ := interceptor.ClaimsFromContext(ctx); claims.Subject() != "user" {
			t.Errorf("subject = %q", claims.Subject())
		}

		other := call
		other.Procedure = "/a.S/Admin"
		if _, refusal := auth.Authenticate(early, other); refusal == nil {
			t.Error("the rule of the real procedure was not evaluated")
		}

		other = call
		other.Authorization = []string{"Bearer " + issuer.Token(map[string]any{"sub": "else"})}
		if ctx, _ := auth.Authenticate(early, other); verified != 2 {
			t.Errorf("another token was not verified: %v", ctx)
		}

		strict := mustNew(t, verifyFunc(func(string) (*verifier.Claims, error) {
			return nil, &verifier.AuthError{Code: verifier.CodeInvalidAudience}
		}))
		if _, refusal := strict.Authenticate(early, call); refusal == nil {
			t.Error("one authenticator believed what another had verified")
		}

		time.Sleep(5 * time.Minute)
		if _, refusal := auth.Authenticate(early, call); reasonOf(t, refusal) != "TOKEN_EXPIRED" {
			t.Errorf("a token that expired meanwhile: %v", refusal)
		}
	})
}

func TestPreauthenticateReportsRefusalsOnly(t *testing.T) {
	heard := 0
	auth := mustNew(t, acceptAll{},
		interceptor.WithObserver(func(context.Context, interceptor.Decision) { heard++ }))
	if _, refusal := auth.Preauthenticate(t.Context(), withToken("/a.S/M")); refusal != nil || heard != 0 {
		t.Errorf("admitted: %v, reported %d times", refusal, heard)
	}
	if _, refusal := auth.Preauthenticate(t.Context(), interceptor.Call{Procedure: "/a.S/M"}); refusal == nil || heard != 1 {
		t.Errorf("refused: %v, reported %d times", refusal, heard)
	}
}

func TestTokenIsNotPreauthenticatedForLongerThanTheBaselineAllows(t *testing.T) {
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
