package verifier

import (
	"cmp"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// A Code names why a token was refused or could not be judged. The strings are stable:
// they may be compared, logged, counted and sent to callers.
type Code string

// The codes of an [AuthError] that ask for another token (HTTP status 401).
const (
	CodeMissingToken     Code = "missing_token"       // no credentials, or another scheme than Bearer
	CodeInvalidRequest   Code = "invalid_request"     // not exactly one well-formed Bearer credential
	CodeMalformedToken   Code = "malformed_token"     // not a compact JWS, or not the JSON it should hold
	CodeForbiddenHeader  Code = "forbidden_header"    // a header parameter that could redirect trust
	CodeDisallowedAlg    Code = "disallowed_alg"      // an algorithm outside Config.Algorithms
	CodeMissingKid       Code = "missing_kid"         // no key ID, or an empty one
	CodeKeyNotFound      Code = "key_not_found"       // the issuer publishes no key that fits
	CodeInvalidToken     Code = "invalid_token"       // a bad signature, or a token of another kind
	CodeMissingClaim     Code = "missing_claim"       // a required claim is absent
	CodeInvalidIssuer    Code = "invalid_issuer"      // another issuer
	CodeInvalidAudience  Code = "invalid_audience"    // meant for another service
	CodeTokenExpired     Code = "token_expired"       // exp has passed
	CodeTokenNotYetValid Code = "token_not_yet_valid" // nbf is still to come
)

// CodeInsufficientUserAuthentication also asks for another token (HTTP status 401): one for
// which the user authenticates in another way, or again (RFC 9470, section 3).
const CodeInsufficientUserAuthentication Code = "insufficient_user_authentication"

// The codes of an [AuthError] that another token with the same rights would not change
// (HTTP status 403).
const (
	CodeInsufficientScope       Code = "insufficient_scope"
	CodeInsufficientPermissions Code = "insufficient_permissions"
)

// The codes of a [KeysError].
const (
	CodeJWKSFetchFailed Code = "jwks_fetch_failed" // the issuer did not answer, or may not be asked just now
	CodeJWKSError       Code = "jwks_error"        // the issuer answered something unusable
)

// An AuthError refuses a caller: its token is absent, bad, or not enough.
//
// Code and Message are safe to send to the caller. They never hold any part of the token,
// nor a claim's value. Err may: keep it in your logs.
type AuthError struct {
	Code    Code
	Message string

	// Scopes and Permissions are all that the call needs, not only what the token lacks.
	// They are set with [CodeInsufficientScope], [CodeInsufficientPermissions] and
	// [CodeInsufficientUserAuthentication].
	Scopes      []string
	Permissions []string

	// ACRValues and MaxAge are how the user must have authenticated: see
	// [Requirement]. They are set with the same codes.
	ACRValues []string
	MaxAge    time.Duration

	Err error // the cause, if there is one
}

// Error returns the code, the message and the cause. It's a line for your log: callers are
// sent Message.
func (e *AuthError) Error() string {
	text := string(e.Code) + ": " + e.Message
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns the cause, which may be nil, as may e.
func (e *AuthError) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.Err
}

// StatusCode returns the HTTP status to answer with: 403 for [CodeInsufficientScope] and
// [CodeInsufficientPermissions], and 401 for every other code, known or not.
func (e *AuthError) StatusCode() int {
	switch e.Code {
	case CodeInsufficientScope, CodeInsufficientPermissions:
		return http.StatusForbidden
	default:
		return http.StatusUnauthorized
	}
}

// Challenge returns what a WWW-Authenticate field should say (RFC 6750, section 3; RFC
// 9470, section 3). An empty realm becomes "api", since at least one parameter has to
// follow the scheme.
//
// A caller who sent no credentials is told no error code (section 3.1). Neither
// permissions nor the cause are named: the standard has no parameter for them.
func (e *AuthError) Challenge(realm string) Challenge {
	challenge := Challenge{Scheme: "Bearer", Params: []Param{{"realm", cmp.Or(realm, defaultRealm)}}}
	add := func(name, value string) {
		if value != "" { // RFC 6749, appendix A.7 and A.8: one character at least
			challenge.Params = append(challenge.Params, Param{name, unquoted(value)})
		}
	}
	addList := func(name string, values []string) { add(name, strings.Join(values, " ")) }
	switch e.Code {
	case CodeMissingToken:
	case CodeInvalidRequest:
		add("error", "invalid_request")
	case CodeInsufficientScope:
		add("error", "insufficient_scope")
		addList("scope", e.Scopes)
	case CodeInsufficientPermissions:
		add("error", "insufficient_scope")
		add("error_description", "the token lacks a required permission")
	case CodeInsufficientUserAuthentication:
		add("error", "insufficient_user_authentication")
		add("error_description", e.Message)
		addList("acr_values", e.ACRValues)
		if e.MaxAge > 0 {
			add("max_age", strconv.FormatInt(int64(e.MaxAge/time.Second), 10))
		}
		addList("scope", e.Scopes)
	default:
		add("error", "invalid_token")
		add("error_description", e.Message)
	}
	return challenge
}

// defaultRealm is the realm of a challenge when none is configured.
const defaultRealm = "api"

// unquoted replaces what RFC 6750, section 3, keeps out of scope, error and
// error_description: they are not quoted-strings with escapes.
func unquoted(value string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r > 0x7E || r == '"' || r == '\\' {
			return '?'
		}
		return r
	}, value)
}

// A KeysError says that the issuer's keys are unavailable, so that no token was judged. The
// caller should keep its token and try again.
type KeysError struct {
	Code       Code          // CodeJWKSFetchFailed or CodeJWKSError
	RetryAfter time.Duration // when the next attempt can succeed; always positive
	Err        error         // the cause: keep it in your logs
}

// Error returns the code and the cause.
func (e *KeysError) Error() string {
	if e.Err == nil {
		return string(e.Code)
	}
	return string(e.Code) + ": " + e.Err.Error()
}

// Unwrap returns the cause, which may be nil, as may e. It's nil for a cause with an
// [AuthError] in it, as when an HTTPClient's own token was refused: that one is not about
// the caller.
func (e *KeysError) Unwrap() error {
	if e == nil {
		return nil
	}
	if _, ok := errors.AsType[*AuthError](e.Err); ok {
		return nil
	}
	return e.Err
}

func refuse(code Code, message string) *AuthError {
	return &AuthError{Code: code, Message: message}
}

// CodeOf returns the code of the first [AuthError] or [KeysError] in err's tree,
// and "" when there is none.
func CodeOf(err error) Code {
	if authErr, ok := errors.AsType[*AuthError](err); ok && authErr != nil {
		return authErr.Code
	}
	if keysErr, ok := errors.AsType[*KeysError](err); ok && keysErr != nil {
		return keysErr.Code
	}
	return ""
}
