package interceptor_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/errdetails"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

func TestNewRefusesANilVerifier(t *testing.T) {
	var none *verifier.Verifier
	for _, tokens := range []interceptor.TokenVerifier{nil, none, verifyFunc(nil)} {
		if auth, err := interceptor.New(tokens); err == nil || auth != nil {
			t.Errorf("New(%#v) = %v, %v; want an error", tokens, auth, err)
		}
	}
}

func TestNewRefusesARealmThatAFieldCannotCarry(t *testing.T) {
	for _, realm := range []string{"a\r\nb", "a\x00", "caf\u00e9", "\x7f"} {
		if _, err := interceptor.New(acceptAll{}, interceptor.WithRealm(realm)); err == nil {
			t.Errorf("WithRealm(%q) was accepted", realm)
		} else if !strings.Contains(err.Error(), "WithRealm") {
			t.Errorf("the error %q does not name WithRealm", err)
		}
	}
}

func TestNewRefusesANilOption(t *testing.T) {
	if auth, err := interceptor.New(acceptAll{}, nil); err == nil || auth != nil {
		t.Errorf("New = %v, %v; want an error", auth, err)
	}
}

func TestNewRefusesASecondPolicy(t *testing.T) {
	policy := interceptor.WithPolicy(interceptor.Policy{})
	if _, err := interceptor.New(acceptAll{}, policy, policy); err == nil {
		t.Error("the first policy was dropped in silence")
	}
}

func TestRealmOfChallenges(t *testing.T) {
	for realm, want := range map[string]string{
		"":        `Bearer realm="api"`,
		"orders":  `Bearer realm="orders"`,
		`a"b\c`:   `Bearer realm="a\"b\\c"`,
		"x, y=\"": `Bearer realm="x, y=\""`,
	} {
		auth := mustNew(t, acceptAll{}, interceptor.WithRealm(realm))
		_, refusal := auth.Authenticate(t.Context(), interceptor.Call{Procedure: "/a.S/M"})
		if refusal.Challenge != want {
			t.Errorf("realm %q: challenge = %s, want %s", realm, refusal.Challenge, want)
		}
	}
}

func TestZeroAuthenticatorRefusesEveryCall(t *testing.T) {
	var auth interceptor.Authenticator
	_, refusal := auth.Authenticate(t.Context(), withToken("/a.S/M"))
	if refusal == nil || refusal.Code != code.Code_INTERNAL {
		t.Errorf("got %v, want Internal", refusal)
	}
	if _, refusal := auth.AuthenticateStream(t.Context(), withToken("/a.S/M"), nil); refusal == nil {
		t.Error("a stream was admitted")
	}
}

func TestWhatEachErrorBecomes(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancelLate := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancelLate()
	tests := []struct {
		name   string
		ctx    context.Context
		err    error
		code   code.Code
		reason string
	}{
		{"401", t.Context(), &verifier.AuthError{Code: verifier.CodeTokenExpired}, code.Code_UNAUTHENTICATED, "TOKEN_EXPIRED"},
		{"403", t.Context(), &verifier.AuthError{Code: verifier.CodeInsufficientScope}, code.Code_PERMISSION_DENIED, "INSUFFICIENT_SCOPE"},
		{"an unknown code is 401", t.Context(), &verifier.AuthError{Code: "step-up"}, code.Code_UNAUTHENTICATED, "STEP_UP"},
		{"keys", t.Context(), &verifier.KeysError{Code: verifier.CodeJWKSFetchFailed}, code.Code_UNAVAILABLE, "JWKS_FETCH_FAILED"},
		{"keys, whatever ended inside", t.Context(),
			&verifier.KeysError{Code: verifier.CodeJWKSError, Err: context.DeadlineExceeded}, code.Code_UNAVAILABLE, "JWKS_ERROR"},
		{"the call was canceled", ended, context.Canceled, code.Code_CANCELLED, ""},
		{"the call is late", late, context.DeadlineExceeded, code.Code_DEADLINE_EXCEEDED, ""},
		{"something else ended", t.Context(), context.Canceled, code.Code_INTERNAL, ""},
		{"anything else", t.Context(), errors.New("secret"), code.Code_INTERNAL, ""},
		{"neither claims nor an error", t.Context(), nil, code.Code_INTERNAL, ""},
		{"a nil AuthError", t.Context(), (*verifier.AuthError)(nil), code.Code_INTERNAL, ""},
		{"a nil KeysError", t.Context(), (*verifier.KeysError)(nil), code.Code_INTERNAL, ""},
		{"a nil AuthError among others", t.Context(), errors.Join(errors.New("x"), (*verifier.AuthError)(nil)), code.Code_INTERNAL, ""},
		{"a nil KeysError among others", t.Context(), errors.Join((*verifier.KeysError)(nil), errors.New("x")), code.Code_INTERNAL, ""},
		{"keys that cost another's token", t.Context(),
			&verifier.KeysError{Code: verifier.CodeJWKSError, Err: &verifier.AuthError{Code: verifier.CodeTokenExpired}},
			code.Code_UNAVAILABLE, "JWKS_ERROR"},
		{"401 in a call that ended", ended, &verifier.AuthError{Code: verifier.CodeTokenExpired},
			code.Code_UNAUTHENTICATED, "TOKEN_EXPIRED"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			auth := mustNew(t, verifyFunc(func(string) (*verifier.Claims, error) { return nil, test.err }))
			_, refusal := auth.Authenticate(test.ctx, withToken("/a.S/M"))
			if refusal == nil {
				t.Fatal("the call was admitted")
			}
			if refusal.Code != test.code || reasonOf(t, refusal) != test.reason {
				t.Errorf("got %v %q, want %v %q", refusal.Code, reasonOf(t, refusal), test.code, test.reason)
			}
			if test.reason != "" && infoOf(t, refusal).GetDomain() != interceptor.ErrorDomain {
				t.Errorf("domain = %q", infoOf(t, refusal).GetDomain())
			}
			challenged := test.code == code.Code_UNAUTHENTICATED || test.code == code.Code_PERMISSION_DENIED
			if (refusal.Challenge != "") != challenged {
				t.Errorf("challenge = %q", refusal.Challenge)
			}
			if infoOf(t, refusal).GetMetadata()["challenge"] != refusal.Challenge {
				t.Errorf("ErrorInfo has another challenge: %v", infoOf(t, refusal))
			}
			if strings.Contains(refusal.String(), "secret") {
				t.Errorf("the cause reaches the caller: %v", refusal)
			}
		})
	}
}

func TestClaimsWithAnErrorAreNotBelieved(t *testing.T) {
	auth := mustNew(t, verifyFunc(func(string) (*verifier.Claims, error) {
		return claimsOf(nil), &verifier.AuthError{Code: verifier.CodeInvalidToken}
	}))
	if ctx, refusal := auth.Authenticate(t.Context(), withToken("/a.S/M")); refusal == nil || ctx != nil {
		t.Errorf("got %v, %v; want a refusal and no context", ctx, refusal)
	}
}

func TestOutageSaysWhenToRetry(t *testing.T) {
	for after, want := range map[time.Duration]time.Duration{3 * time.Second: 3 * time.Second, -time.Second: 0} {
		auth := mustNew(t, verifyFunc(func(string) (*verifier.Claims, error) {
			return nil, &verifier.KeysError{Code: verifier.CodeJWKSFetchFailed, RetryAfter: after}
		}))
		_, refusal := auth.Authenticate(t.Context(), withToken("/a.S/M"))
		if got := retryDelayOf(t, refusal); got != want {
			t.Errorf("retry delay = %v, want %v", got, want)
		}
	}
}

func retryDelayOf(t *testing.T, refusal *interceptor.Refusal) time.Duration {
	t.Helper()
	for _, detail := range refusal.Details {
		message, err := detail.UnmarshalNew()
		if err != nil {
			t.Fatal(err)
		}
		if retry, ok := message.(*errdetails.RetryInfo); ok {
			return retry.GetRetryDelay().AsDuration()
		}
	}
	t.Fatal("no RetryInfo")
	return 0
}

// A status with other bytes makes grpc-go panic.
func TestMessageIsValidUTF8WhateverTheVerifierSays(t *testing.T) {
	auth := mustNew(t, verifyFunc(func(string) (*verifier.Claims, error) {
		return nil, &verifier.AuthError{Code: verifier.CodeInvalidToken, Message: "bad \xff"}
	}))
	if _, refusal := auth.Authenticate(t.Context(), withToken("/a.S/M")); refusal.Message != "bad ?" {
		t.Errorf("message = %q", refusal.Message)
	}
}

// verifierThatRequires returns a verifier that itself asks for require.
func verifierThatRequires(t *testing.T, issuer *verifiertest.Issuer, require verifier.Requirement) *verifier.Verifier {
	t.Helper()
	config := issuer.Config()
	config.Require = require
	tokens, err := verifier.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

func TestChallengeNamesAllThatTheCallNeeds(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	tokens := verifierThatRequires(t, issuer, verifier.Requirement{
		Scopes: []string{"base", "both"}, ACRValues: []string{"pwd", "mfa"}, MaxAge: time.Hour,
	})
	auth := mustNew(t, tokens, interceptor.WithPolicy(interceptor.Policy{
		"/a.S/M": {Require: verifier.Requirement{
			Scopes: []string{"both", "rule"}, AnyScopes: []string{"one", "other"},
			ACRValues: []string{"key", "mfa"}, MaxAge: 5 * time.Minute,
		}},
	}))
	const (
		scope  = `Bearer realm="api", error="insufficient_scope", scope="base both rule one"`
		stepUp = `Bearer realm="api", error="insufficient_user_authentication", ` +
			`error_description="the user must authenticate %s", acr_values="mfa", max_age="300", scope="base both rule one"`
		again   = "again"
		another = "in another way"
	)
	now := time.Now().Unix()
	tests := []struct {
		name       string
		scope, acr string
		ago        int64
		want       string
	}{
		{"no scope", "none", "mfa", 0, scope},
		{"the scopes of the baseline", "base both", "mfa", 0, scope},
		{"the scopes of the rule", "both rule one", "mfa", 0, scope},
		{"no alternative", "base both rule", "mfa", 0, scope},
		{"the acr of the baseline", "base both rule other", "pwd", 0, fmt.Sprintf(stepUp, another)},
		{"the acr of the rule", "base both rule other", "key", 0, fmt.Sprintf(stepUp, another)},
		{"too old for the rule", "base both rule other", "mfa", 600, fmt.Sprintf(stepUp, again)},
		{"too old for the baseline", "base both rule other", "mfa", 7200, fmt.Sprintf(stepUp, again)},
		{"enough", "base both rule other", "mfa", 0, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, refusal := auth.Authenticate(t.Context(), interceptor.Call{
				Procedure: "/a.S/M",
				Authorization: []string{"Bearer " + issuer.Token(map[string]any{
					"scope": test.scope, "acr": test.acr, "auth_time": now - test.ago,
				})},
			})
			got := ""
			if refusal != nil {
				got = refusal.Challenge
			}
			if got != test.want {
				t.Errorf("challenge = %s, want %s", got, test.want)
			}
		})
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
