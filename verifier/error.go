package verifier

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// DefaultRealm is the realm of a challenge for which none was configured.
const DefaultRealm = "api"

// An AuthError refuses a caller: its token is absent, bad, or not enough.
//
// Code and Message are safe to send to the caller. They never hold any part of
// the token, nor a claim's value. Err may, and is for the service's own eyes.
type AuthError struct {
	Code    Code
	Message string

	// Scopes and Permissions are all that the call needs, not only what the
	// token lacks. They are set with [CodeInsufficientScope] and
	// [CodeInsufficientPermissions].
	Scopes      []string
	Permissions []string

	Err error // the cause, if there is one
}

// Error returns the code and the message, never the cause.
func (e *AuthError) Error() string { return string(e.Code) + ": " + e.Message }

// Unwrap returns the cause, which may be nil.
func (e *AuthError) Unwrap() error { return e.Err }

// StatusCode returns the HTTP status of the refusal: 403 for
// [CodeInsufficientScope] and [CodeInsufficientPermissions], and 401 for every
// other code, known or not.
func (e *AuthError) StatusCode() int {
	switch e.Code {
	case CodeInsufficientScope, CodeInsufficientPermissions:
		return http.StatusForbidden
	default:
		return http.StatusUnauthorized
	}
}

// Challenge returns what a WWW-Authenticate field should say (RFC 6750, section
// 3). An empty realm becomes [DefaultRealm], since at least one parameter has to
// follow the scheme.
//
// A caller who sent no credentials is told no error code (section 3.1). Neither
// permissions nor the cause are named: the standard has no parameter for them.
func (e *AuthError) Challenge(realm string) Challenge {
	if realm == "" {
		realm = DefaultRealm
	}
	challenge := Challenge{Scheme: "Bearer", Params: []Param{{"realm", realm}}}
	add := func(name, value string) {
		challenge.Params = append(challenge.Params, Param{name, unquoted(value)})
	}
	switch e.Code {
	case CodeMissingToken:
	case CodeInvalidRequest:
		add("error", "invalid_request")
	case CodeInsufficientScope:
		add("error", "insufficient_scope")
		if len(e.Scopes) > 0 {
			add("scope", strings.Join(e.Scopes, " "))
		}
	case CodeInsufficientPermissions:
		add("error", "insufficient_scope")
		add("error_description", "the token lacks a required permission")
	default:
		add("error", "invalid_token")
		add("error_description", e.Message)
	}
	return challenge
}

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

// A KeysError says that the issuer's keys could not be had, so that no token was
// judged. The caller should keep its token and try again.
type KeysError struct {
	Code       Code          // CodeJWKSFetchFailed or CodeJWKSError
	RetryAfter time.Duration // when the next attempt can succeed; always positive
	Err        error         // the cause, for the service's own eyes
}

// Error returns the code and the cause.
func (e *KeysError) Error() string {
	if e.Err == nil {
		return string(e.Code)
	}
	return string(e.Code) + ": " + e.Err.Error()
}

// Unwrap returns the cause, which may be nil.
func (e *KeysError) Unwrap() error { return e.Err }

func refuse(code Code, message string) *AuthError {
	return &AuthError{Code: code, Message: message}
}

func insufficient(code Code, message string, required Requirement) *AuthError {
	return &AuthError{
		Code:        code,
		Message:     message,
		Scopes:      slices.Clone(required.Scopes),
		Permissions: slices.Clone(required.Permissions),
	}
}
