package interceptor_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

func TestVerifierErrorsBecomeRefusals(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancelLate := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancelLate()
	tests := []struct {
		name   string
		ctx    context.Context
		err    error
		code   interceptor.Code
		reason string
	}{
		{"401", t.Context(), &verifier.AuthError{Code: verifier.CodeTokenExpired}, interceptor.CodeUnauthenticated, "TOKEN_EXPIRED"},
		{"403", t.Context(), &verifier.AuthError{Code: verifier.CodeInsufficientScope}, interceptor.CodePermissionDenied, "INSUFFICIENT_SCOPE"},
		{"an unknown code is 401", t.Context(), &verifier.AuthError{Code: "step-up"}, interceptor.CodeUnauthenticated, "STEP_UP"},
		{"keys", t.Context(), &verifier.KeysError{Code: verifier.CodeJWKSFetchFailed}, interceptor.CodeUnavailable, "JWKS_FETCH_FAILED"},
		{"keys, whatever ended inside", t.Context(),
			&verifier.KeysError{Code: verifier.CodeJWKSError, Err: context.DeadlineExceeded}, interceptor.CodeUnavailable, "JWKS_ERROR"},
		{"the call was canceled", ended, context.Canceled, interceptor.CodeCanceled, ""},
		{"the call is late", late, context.DeadlineExceeded, interceptor.CodeDeadlineExceeded, ""},
		{"something else ended", t.Context(), context.Canceled, interceptor.CodeInternal, ""},
		{"anything else", t.Context(), errors.New("secret"), interceptor.CodeInternal, ""},
		{"neither claims nor an error", t.Context(), nil, interceptor.CodeInternal, ""},
		{"a nil AuthError", t.Context(), (*verifier.AuthError)(nil), interceptor.CodeInternal, ""},
		{"a nil KeysError", t.Context(), (*verifier.KeysError)(nil), interceptor.CodeInternal, ""},
		{"a nil AuthError among others", t.Context(), errors.Join(errors.New("x"), (*verifier.AuthError)(nil)), interceptor.CodeInternal, ""},
		{"a nil KeysError among others", t.Context(), errors.Join((*verifier.KeysError)(nil), errors.New("x")), interceptor.CodeInternal, ""},
		{"keys that cost another's token", t.Context(),
			&verifier.KeysError{Code: verifier.CodeJWKSError, Err: &verifier.AuthError{Code: verifier.CodeTokenExpired}},
			interceptor.CodeUnavailable, "JWKS_ERROR"},
		{"401 in a call that ended", ended, &verifier.AuthError{Code: verifier.CodeTokenExpired},
			interceptor.CodeUnauthenticated, "TOKEN_EXPIRED"},
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
			challenged := test.code == interceptor.CodeUnauthenticated || test.code == interceptor.CodePermissionDenied
			if (refusal.Challenge != "") != challenged {
				t.Errorf("challenge = %q", refusal.Challenge)
			}
			if infoOf(t, refusal).GetMetadata()["challenge"] != refusal.Challenge {
				t.Errorf("ErrorInfo has another challenge: %v", infoOf(t, refusal))
			}
			if strings.Contains(refusal.Message, "secret") {
				t.Errorf("the cause reaches the caller: %q", refusal.Message)
			}
		})
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

// Invalid UTF-8 in a status makes grpc-go panic.
func TestMessageIsValidUTF8WhateverTheVerifierSays(t *testing.T) {
	auth := mustNew(t, verifyFunc(func(string) (*verifier.Claims, error) {
		return nil, &verifier.AuthError{Code: verifier.CodeInvalidToken, Message: "bad \xff"}
	}))
	if _, refusal := auth.Authenticate(t.Context(), withToken("/a.S/M")); refusal.Message != "bad ?" {
		t.Errorf("message = %q", refusal.Message)
	}
}

func TestChallengeNamesEverythingTheCallNeeds(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	v := verifierThatRequires(t, issuer, verifier.Requirement{
		Scopes: []string{"base", "both"}, ACRValues: []string{"pwd", "mfa"}, MaxAge: time.Hour,
	})
	auth := mustNew(t, v, interceptor.WithPolicy(interceptor.Policy{
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

func TestNewRefusalTreatsErrorsAsAllowDoes(t *testing.T) {
	auth := mustNew(t, acceptAll{}, interceptor.WithRealm("orders"),
		interceptor.WithResourceMetadata(interceptor.ResourceMetadata{Resource: "https://api.test"}))
	ctx := admit(t.Context(), t, auth, withToken("/a.S/M")).Context()
	const notAllowed = `error="insufficient_scope", error_description="the token lacks a required permission"`
	tests := []struct {
		name      string
		err       error
		code      interceptor.Code
		reason    string
		challenge string
	}{
		{"an AuthError", &verifier.AuthError{Code: verifier.CodeInsufficientScope, Scopes: []string{"own"}},
			interceptor.CodePermissionDenied, "INSUFFICIENT_SCOPE", `error="insufficient_scope", scope="own"`},
		{"one that asks for another token", &verifier.AuthError{Code: verifier.CodeTokenExpired, Message: "m"},
			interceptor.CodeUnauthenticated, "TOKEN_EXPIRED", `error="invalid_token", error_description="m"`},
		{"any other error", errors.New("secret"), interceptor.CodePermissionDenied, "INSUFFICIENT_PERMISSIONS", notAllowed},
		{"the end of the call", context.Canceled, interceptor.CodePermissionDenied, "INSUFFICIENT_PERMISSIONS", notAllowed},
		{"an outage of another issuer", &verifier.KeysError{Code: verifier.CodeJWKSError},
			interceptor.CodePermissionDenied, "INSUFFICIENT_PERMISSIONS", notAllowed},
		{"nil", nil, interceptor.CodePermissionDenied, "INSUFFICIENT_PERMISSIONS", notAllowed},
	}
	for _, test := range tests {
		refusal := interceptor.NewRefusal(ctx, test.err)
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

func TestNewRefusalWorksInPublicAnonymousAndStreamCalls(t *testing.T) {
	auth := mustNew(t, acceptAll{}, interceptor.WithRealm("orders"), interceptor.WithPolicy(interceptor.Policy{
		"/a.S/Public":   {Access: interceptor.AccessPublic},
		"/a.S/Optional": {Access: interceptor.AccessOptional},
	}))
	for _, procedure := range []string{"/a.S/Public", "/a.S/Optional"} {
		ctx := admit(t.Context(), t, auth, interceptor.Call{Procedure: procedure}).Context()
		claims, _ := interceptor.ClaimsFromContext(ctx)
		refusal := interceptor.NewRefusal(ctx, verifier.Requirement{}.Check(claims))
		if refusal.Code != interceptor.CodeUnauthenticated || refusal.Challenge != `Bearer realm="orders"` {
			t.Errorf("%s: %v %s, want a request for a token", procedure, refusal.Code, refusal.Challenge)
		}
	}
	stream, refusal := auth.AuthenticateStream(t.Context(), withToken("/a.S/M"), nil)
	if refusal != nil {
		t.Fatal(refusal)
	}
	defer stream.End(nil)
	derived, cancel := context.WithCancel(stream.Context())
	defer cancel()
	if refusal := interceptor.NewRefusal(derived, nil); refusal.Code != interceptor.CodePermissionDenied {
		t.Errorf("in a stream: %v", refusal)
	}
}

func TestNewRefusalOutsideACallHasTheDefaultRealm(t *testing.T) {
	ctx := interceptor.ContextWithClaims(t.Context(), claimsOf(nil))
	refusal := interceptor.NewRefusal(ctx, nil)
	const want = `Bearer realm="api", error="insufficient_scope", error_description="the token lacks a required permission"`
	if refusal.Code != interceptor.CodePermissionDenied || refusal.Challenge != want {
		t.Errorf("%v %s, want %s", refusal.Code, refusal.Challenge, want)
	}
}

func TestNewRefusalIsForTheInnermostCall(t *testing.T) {
	outer := admit(t.Context(), t, mustNew(t, acceptAll{}, interceptor.WithRealm("outer")), withToken("/a.S/M")).Context()
	inner := admit(outer, t, mustNew(t, acceptAll{}, interceptor.WithRealm("inner")), withToken("/b.S/M")).Context()
	err := &verifier.AuthError{Code: verifier.CodeMissingToken}
	if got := interceptor.NewRefusal(inner, err).Challenge; got != `Bearer realm="inner"` {
		t.Errorf("challenge = %s", got)
	}
	if got := interceptor.NewRefusal(outer, err).Challenge; got != `Bearer realm="outer"` {
		t.Errorf("challenge = %s", got)
	}
}

// C-core clients and nginx lose a response whose header list passes 4 KiB.
func TestRefusalStaysSmallWhateverItAsksFor(t *testing.T) {
	many := func(n int) (scopes []string) {
		for i := range n {
			scopes = append(scopes, fmt.Sprintf("scope-of-20-chars-%02d", i%100)+strings.Repeat("x", i/100))
		}
		return scopes
	}
	for _, n := range []int{1, 10, 40, 70, 1000, 10_000} {
		err := &verifier.AuthError{
			Code:      verifier.CodeInsufficientUserAuthentication,
			Message:   strings.Repeat("m", 100*n),
			Scopes:    many(n),
			ACRValues: many(n),
			MaxAge:    time.Hour,
		}
		auth := mustNew(t, verifyFunc(func(string) (*verifier.Claims, error) { return nil, err }),
			interceptor.WithRealm(strings.Repeat("r", 128)),
			interceptor.WithResourceMetadata(interceptor.ResourceMetadata{
				Resource: "https://api.example/" + strings.Repeat("p", 230),
			}))
		_, refusal := auth.Authenticate(t.Context(), withToken("/a.S/M"))
		size := len(refusal.Challenge) + len(refusal.Message)
		for _, detail := range refusal.Details {
			size += len(detail.GetTypeUrl()) + len(detail.GetValue())*4/3
		}
		if size > 3000 {
			t.Errorf("%d scopes: a refusal of %d bytes, want 3000 at most", n, size)
		}
		challenges, parseErr := verifier.ParseChallenges([]string{refusal.Challenge})
		if parseErr != nil || challenges[0].Value("error") != "insufficient_user_authentication" || challenges[0].Value("max_age") != "3600" {
			t.Errorf("%d scopes: challenge = %q, %v", n, refusal.Challenge, parseErr)
		}
	}
}

// What fits is sent, and once: the details repeat nothing but the challenge.
func TestScopesThatFitTravelInTheChallengeAlone(t *testing.T) {
	auth := mustNew(t, acceptAll{}, interceptor.WithPolicy(interceptor.Policy{
		"/a.S/M": {Require: verifier.Requirement{Scopes: []string{"first", "second"}}},
	}))
	_, refusal := auth.Authenticate(t.Context(), withToken("/a.S/M"))
	if got := scopeOf(t, refusal); got != "first second" {
		t.Errorf("scope = %q, want both", got)
	}
	metadata := infoOf(t, refusal).GetMetadata()
	if len(metadata) != 1 || metadata["challenge"] != refusal.Challenge {
		t.Errorf("metadata = %v, want the challenge alone", metadata)
	}
}

func TestWhatStandsInEveryChallengeIsBounded(t *testing.T) {
	for name, option := range map[string]interceptor.Option{
		"a realm":    interceptor.WithRealm(strings.Repeat("r", 129)),
		"a resource": interceptor.WithResourceMetadata(interceptor.ResourceMetadata{Resource: "https://api.example/" + strings.Repeat("p", 250)}),
	} {
		if _, err := interceptor.New(acceptAll{}, option); err == nil || !strings.Contains(err.Error(), "at most") {
			t.Errorf("%s that is too long: %v, want an error", name, err)
		}
	}
}

func TestEachObserverHearsOfEachDecision(t *testing.T) {
	var order []string
	note := func(name string) interceptor.Option {
		return interceptor.WithObserver(func(_ context.Context, d interceptor.Decision) {
			order = append(order, name+" "+d.Procedure)
		})
	}
	auth := mustNew(t, acceptAll{}, note("first"), note("second"))
	auth.Authenticate(t.Context(), withToken("/a.S/M"))
	auth.Authenticate(t.Context(), interceptor.Call{Procedure: "/a.S/N"})
	if got, want := strings.Join(order, ", "), "first /a.S/M, second /a.S/M, first /a.S/N, second /a.S/N"; got != want {
		t.Errorf("heard %s, want %s", got, want)
	}
	if _, err := interceptor.New(acceptAll{}, interceptor.WithObserver(nil)); err == nil {
		t.Error("New took a nil observer")
	}
}

func TestErrorInfoNamesThePermissionsACallNeeds(t *testing.T) {
	long := strings.Repeat("x", 900)
	for _, test := range []struct {
		name        string
		permissions []string
		want        string
	}{
		{"none", nil, ""},
		{"one", []string{"orders:read"}, "orders:read"},
		{"some", []string{"orders:read", "orders:write"}, "orders:read orders:write"},
		{"more than a response can carry", []string{"orders:read", long}, ""},
		{"one with a space", []string{"orders:read", "orders write"}, ""},
		{"one that's empty", []string{"orders:read", ""}, ""},
		{"one that isn't UTF-8", []string{"\xff"}, ""},
	} {
		auth := mustNew(t, verifyFunc(func(string) (*verifier.Claims, error) {
			return nil, &verifier.AuthError{Code: verifier.CodeInsufficientPermissions, Permissions: test.permissions}
		}))
		_, refusal := auth.Authenticate(t.Context(), withToken("/a.S/M"))
		got, isThere := infoOf(t, refusal).GetMetadata()["permissions"]
		if got != test.want || isThere != (test.want != "") {
			t.Errorf("%s: %q (%v), want %q", test.name, got, isThere, test.want)
		}
		if strings.Contains(refusal.Challenge, "orders") {
			t.Errorf("%s: the challenge names them: %s", test.name, refusal.Challenge)
		}
	}
}
