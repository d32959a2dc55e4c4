package verifier

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
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
	// token lacks. They are set with [CodeInsufficientScope],
	// [CodeInsufficientPermissions] and [CodeInsufficientUserAuthentication].
	Scopes      []string
	Permissions []string

	// ACRValues and MaxAge are how the user must have authenticated: see
	// [Requirement]. They are set with the same codes.
	ACRValues []string
	MaxAge    time.Duration

	Err error // the cause, if there is one
}

// Error returns the code and the message, never the cause.
func (e *AuthError) Error() string { return string(e.Code) + ": " + e.Message }

// Unwrap returns the cause, which may be nil, as may e.
func (e *AuthError) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.Err
}

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

// With returns a copy of e that names what r asks, too, so that a caller who needs
// another token has to ask for it only once. Of alternatives among scopes it names
// the first. An error whose code does not say that the token falls short is returned
// as it is.
func (e *AuthError) With(r Requirement) *AuthError {
	switch e.Code {
	case CodeInsufficientScope, CodeInsufficientPermissions, CodeInsufficientUserAuthentication:
	default:
		return e
	}
	full := *e
	full.Scopes = union(e.Scopes, r.Scopes)
	named := func(scope string) bool { return slices.Contains(full.Scopes, scope) }
	if len(r.AnyScopes) > 0 && !slices.ContainsFunc(r.AnyScopes, named) {
		full.Scopes = append(full.Scopes, r.AnyScopes[0])
	}
	full.Permissions = union(e.Permissions, r.Permissions)
	full.ACRValues = common(e.ACRValues, r.ACRValues)
	if e.MaxAge == 0 || r.MaxAge != 0 && r.MaxAge < e.MaxAge {
		full.MaxAge = r.MaxAge
	}
	return &full
}

func union(a, b []string) (all []string) {
	for _, s := range slices.Concat(a, b) {
		if !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	return all
}

// common returns the alternatives of a that b admits. An empty list admits all.
func common(a, b []string) []string {
	if len(a) == 0 {
		return slices.Clone(b)
	}
	both := slices.DeleteFunc(slices.Clone(a), func(s string) bool {
		return len(b) > 0 && !slices.Contains(b, s)
	})
	if len(both) == 0 {
		return slices.Clone(a) // no token is enough: name what was missed first
	}
	return both
}

// Challenge returns what a WWW-Authenticate field should say (RFC 6750, section
// 3; RFC 9470, section 3). An empty realm becomes [DefaultRealm], since at least one
// parameter has to follow the scheme.
//
// A caller who sent no credentials is told no error code (section 3.1). Neither
// permissions nor the cause are named: the standard has no parameter for them.
func (e *AuthError) Challenge(realm string) Challenge {
	if realm == "" {
		realm = DefaultRealm
	}
	challenge := Challenge{Scheme: "Bearer", Params: []Param{{"realm", realm}}}
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

// Unwrap returns the cause, which may be nil, as may e. It is nil for a cause with an [AuthError]
// in it, such as that of an HTTPClient whose own token was refused: that one is not
// about the caller.
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
