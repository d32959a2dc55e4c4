package verifier_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
)

// codes are all that an AuthError may have.
var codes = []verifier.Code{
	verifier.CodeMissingToken, verifier.CodeInvalidRequest, verifier.CodeMalformedToken,
	verifier.CodeForbiddenHeader, verifier.CodeDisallowedAlg, verifier.CodeMissingKid, verifier.CodeKeyNotFound,
	verifier.CodeInvalidToken, verifier.CodeMissingClaim, verifier.CodeInvalidIssuer, verifier.CodeInvalidAudience,
	verifier.CodeTokenExpired, verifier.CodeTokenNotYetValid,
	verifier.CodeInsufficientScope, verifier.CodeInsufficientPermissions,
}

func TestStatusCodeIs403OnlyForWhatAnotherTokenWouldNotChange(t *testing.T) {
	t.Parallel()
	unknown := []verifier.Code{"", "unknown", "INSUFFICIENT_SCOPE", verifier.CodeJWKSFetchFailed, verifier.CodeJWKSError}
	for _, code := range append(unknown, codes...) {
		want := 401
		if code == verifier.CodeInsufficientScope || code == verifier.CodeInsufficientPermissions {
			want = 403
		}
		if got := (&verifier.AuthError{Code: code}).StatusCode(); got != want {
			t.Errorf("StatusCode of %q = %d, want %d", code, got, want)
		}
	}
}

func TestAuthErrorShowsItsCauseToTheLogAndNotToTheCaller(t *testing.T) {
	t.Parallel()
	cause := errors.New("secret")
	refusal := &verifier.AuthError{Code: verifier.CodeTokenExpired, Message: "the token has expired", Err: cause}
	if got, want := refusal.Error(), "token_expired: the token has expired: secret"; got != want {
		t.Errorf("Error() = %q, want %q", got, want)
	}
	for _, told := range []string{refusal.Message, refusal.Challenge("").String()} {
		if strings.Contains(told, cause.Error()) {
			t.Errorf("the caller is told the cause: %s", told)
		}
	}
	refusal.Err = nil
	if got, want := refusal.Error(), "token_expired: the token has expired"; got != want {
		t.Errorf("without a cause: Error() = %q, want %q", got, want)
	}
	refusal.Err = cause
	if !errors.Is(refusal, cause) {
		t.Error("the cause cannot be found")
	}
}

func TestChallengeFollowsRFC6750(t *testing.T) {
	t.Parallel()
	const message = "the message"
	scopes := []string{"read", "write"}
	tests := []struct {
		code verifier.Code
		want string
	}{
		// Section 3.1: no error code for a caller who sent no credentials.
		{verifier.CodeMissingToken, `Bearer realm="orders"`},
		{verifier.CodeInvalidRequest, `Bearer realm="orders", error="invalid_request"`},
		{verifier.CodeInsufficientScope, `Bearer realm="orders", error="insufficient_scope", scope="read write"`},
		{verifier.CodeInsufficientPermissions, `Bearer realm="orders", error="insufficient_scope", ` +
			`error_description="the token lacks a required permission"`},
		{verifier.CodeTokenExpired, `Bearer realm="orders", error="invalid_token", error_description="the message"`},
		{verifier.CodeKeyNotFound, `Bearer realm="orders", error="invalid_token", error_description="the message"`},
		{"unknown", `Bearer realm="orders", error="invalid_token", error_description="the message"`},
	}
	for _, test := range tests {
		refusal := &verifier.AuthError{
			Code: test.code, Message: message, Scopes: scopes, Permissions: []string{"secret"}, Err: errors.New("secret"),
		}
		if got := refusal.Challenge("orders").String(); got != test.want {
			t.Errorf("%s: %s, want %s", test.code, got, test.want)
		}
	}
}

// RFC 6750, section 3: a realm at least, and each parameter at most once.
func TestEveryChallengeNamesEachParameterOnce(t *testing.T) {
	t.Parallel()
	for _, code := range append([]verifier.Code{"", "unknown"}, codes...) {
		for _, realm := range []string{"", "orders"} {
			refusal := &verifier.AuthError{Code: code, Message: "why", Scopes: []string{"a", "b"}}
			challenge := refusal.Challenge(realm)
			seen := make(map[string]int)
			for _, param := range challenge.Params {
				seen[param.Name]++
			}
			for name, n := range seen {
				if n > 1 {
					t.Errorf("%s: %s holds %s %d times", code, challenge, name, n)
				}
			}
			want := realm
			if want == "" {
				want = "api"
			}
			if challenge.Scheme != "Bearer" || challenge.Params[0] != (verifier.Param{Name: "realm", Value: want}) {
				t.Errorf("%s: %s, want Bearer with the realm %q first", code, challenge, want)
			}
		}
	}
}

func TestChallengeOfNoScopesNamesNone(t *testing.T) {
	t.Parallel()
	refusal := &verifier.AuthError{Code: verifier.CodeInsufficientScope}
	if got, want := refusal.Challenge("").String(), `Bearer realm="api", error="insufficient_scope"`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// RFC 6750, section 3: these values have no escapes, so that the characters which
// would need one are replaced.
func TestChallengeReplacesWhatRFC6750KeepsOut(t *testing.T) {
	t.Parallel()
	const hostile = "a\"b\\c\r\nd\te\x00f\x7fé!#[]^~"
	const printed = "a?b?c??d?e?f??!#[]^~"
	expired := &verifier.AuthError{Code: verifier.CodeTokenExpired, Message: hostile}
	if got := expired.Challenge("").Value("error_description"); got != printed {
		t.Errorf("error_description = %q, want %q", got, printed)
	}
	lacking := &verifier.AuthError{Code: verifier.CodeInsufficientScope, Scopes: []string{hostile, "b"}}
	if got := lacking.Challenge("").Value("scope"); got != printed+" b" {
		t.Errorf("scope = %q, want %q", got, printed+" b")
	}
	// A realm is a quoted-string of RFC 9110, with escapes.
	const want = `Bearer realm="a\"b\\c??d?e?f??!#[]^~"`
	if got := (&verifier.AuthError{Code: verifier.CodeMissingToken}).Challenge(hostile).String(); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestCodeOfANilErrorIsNone(t *testing.T) {
	t.Parallel()
	for _, err := range []error{
		(*verifier.AuthError)(nil), (*verifier.KeysError)(nil), errors.Join((*verifier.AuthError)(nil)),
	} {
		if code := verifier.CodeOf(err); code != "" {
			t.Errorf("CodeOf(%#v) = %q, want none", err, code)
		}
	}
}

func TestChallengeLeavesOutAnEmptyDescription(t *testing.T) {
	t.Parallel()
	challenge := (&verifier.AuthError{Code: verifier.CodeInvalidToken}).Challenge("orders").String()
	if want := `Bearer realm="orders", error="invalid_token"`; challenge != want {
		t.Errorf("challenge = %s, want %s", challenge, want)
	}
}

func TestKeysErrorShowsItsCause(t *testing.T) {
	t.Parallel()
	cause := errors.New("no route to host")
	failure := &verifier.KeysError{Code: verifier.CodeJWKSFetchFailed, RetryAfter: time.Second, Err: cause}
	if got, want := failure.Error(), "jwks_fetch_failed: no route to host"; got != want {
		t.Errorf("Error() = %q, want %q", got, want)
	}
	if !errors.Is(failure, cause) {
		t.Error("the cause cannot be found")
	}
	if got, want := (&verifier.KeysError{Code: verifier.CodeJWKSError}).Error(), "jwks_error"; got != want {
		t.Errorf("Error() without a cause = %q, want %q", got, want)
	}
}

func TestCodeOfFindsTheCodeInATree(t *testing.T) {
	t.Parallel()
	expired := &verifier.AuthError{Code: verifier.CodeTokenExpired}
	failed := &verifier.KeysError{Code: verifier.CodeJWKSFetchFailed}
	other := errors.New("other")
	tests := []struct {
		name string
		err  error
		want verifier.Code
	}{
		{"nil", nil, ""},
		{"another error", other, ""},
		{"an AuthError", expired, verifier.CodeTokenExpired},
		{"a KeysError", failed, verifier.CodeJWKSFetchFailed},
		{"a wrapped AuthError", fmt.Errorf("call: %w", expired), verifier.CodeTokenExpired},
		{"a wrapped KeysError", fmt.Errorf("call: %w", failed), verifier.CodeJWKSFetchFailed},
		{"an AuthError among others", errors.Join(other, expired), verifier.CodeTokenExpired},
		{"an AuthError that another causes", &verifier.AuthError{Code: verifier.CodeInvalidToken, Err: expired},
			verifier.CodeInvalidToken},
		{"an AuthError without a code", &verifier.AuthError{}, ""},
	}
	for _, test := range tests {
		if got := verifier.CodeOf(test.err); got != test.want {
			t.Errorf("%s: CodeOf = %q, want %q", test.name, got, test.want)
		}
	}
}
