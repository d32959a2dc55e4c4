package interceptor_test

import (
	"context"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// verifyFunc is a TokenVerifier made from a function.
type verifyFunc func(token string) (*verifier.Claims, error)

func (f verifyFunc) Verify(_ context.Context, token string) (*verifier.Claims, error) {
	return f(token)
}

// acceptAll accepts every token.
type acceptAll struct{}

func (acceptAll) Verify(context.Context, string) (*verifier.Claims, error) { return claimsOf(nil), nil }

func claimsOf(claims map[string]any) *verifier.Claims { return verifiertest.Claims(claims) }

func mustNew(tb testing.TB, v interceptor.TokenVerifier, options ...interceptor.Option) *interceptor.Authenticator {
	tb.Helper()
	auth, err := interceptor.New(v, options...)
	if err != nil {
		tb.Fatal(err)
	}
	return auth
}

// withToken is a call with one well-formed token.
func withToken(procedure string) interceptor.Call {
	return interceptor.Call{Procedure: procedure, Authorization: []string{"Bearer token"}}
}

// admit makes a call that must be admitted.
func admit(
	ctx context.Context, tb testing.TB, auth *interceptor.Authenticator, call interceptor.Call,
) *interceptor.Admission {
	tb.Helper()
	admission, refusal := auth.Authenticate(ctx, call)
	if refusal != nil {
		tb.Fatalf("%s was refused: %v", call.Procedure, refusal)
	}
	return admission
}

// An auditLog keeps the decisions that its observer sees.
type auditLog []interceptor.Decision

func (l *auditLog) observer() interceptor.Option {
	return interceptor.WithObserver(func(_ context.Context, d interceptor.Decision) { *l = append(*l, d) })
}

// infoOf returns the refusal's ErrorInfo. There must be at most one.
func infoOf(tb testing.TB, refusal *interceptor.Refusal) *errdetails.ErrorInfo {
	tb.Helper()
	if refusal == nil {
		tb.Fatal("the call was admitted")
	}
	var found *errdetails.ErrorInfo
	for _, detail := range refusal.Details {
		message, err := detail.UnmarshalNew()
		if err != nil {
			tb.Fatal(err)
		}
		if info, ok := message.(*errdetails.ErrorInfo); ok {
			if found != nil {
				tb.Fatal("two ErrorInfo details")
			}
			found = info
		}
	}
	return found
}

func reasonOf(tb testing.TB, refusal *interceptor.Refusal) string {
	tb.Helper()
	return infoOf(tb, refusal).GetReason()
}

// verifierThatRequires returns a verifier with require as its baseline.
func verifierThatRequires(t *testing.T, issuer *verifiertest.Issuer, require verifier.Requirement) *verifier.Verifier {
	t.Helper()
	config := issuer.Config()
	config.Require = require
	v, err := verifier.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// scopeOf returns the scopes that a refusal's challenge asks for.
func scopeOf(tb testing.TB, refusal *interceptor.Refusal) string {
	tb.Helper()
	if refusal == nil {
		tb.Fatal("the call was admitted")
	}
	challenges, err := verifier.ParseChallenges([]string{refusal.Challenge})
	if err != nil || len(challenges) != 1 {
		tb.Fatalf("the challenge is %q", refusal.Challenge)
	}
	return challenges[0].Value("scope")
}
