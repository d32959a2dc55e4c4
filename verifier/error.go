package verifier

import (
	"cmp"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// A Code says why a token was refused or could not be judged. The strings are stable, so you can
// compare, log and count them, and send them to callers.
type Code string

// Codes for an [AuthError] that asks for another token (HTTP status 401).
const (
	CodeMissingToken     Code = "missing_token"       // no credentials, or a scheme other than Bearer
	CodeInvalidRequest   Code = "invalid_request"     // not exactly one well-formed Bearer credential
	CodeMalformedToken   Code = "malformed_token"     // not a compact JWS with valid JSON inside
	CodeForbiddenHeader  Code = "forbidden_header"    // a header parameter that could redirect trust
	CodeDisallowedAlg    Code = "disallowed_alg"      // an algorithm not in Config.Algorithms
	CodeMissingKid       Code = "missing_kid"         // an empty key ID, or none where several keys fit
	CodeKeyNotFound      Code = "key_not_found"       // the issuer publishes no suitable key
	CodeInvalidToken     Code = "invalid_token"       // a bad signature, or another kind of token
	CodeMissingClaim     Code = "missing_claim"       // a required claim is absent
	CodeInvalidIssuer    Code = "invalid_issuer"      // from another issuer
	CodeInvalidAudience  Code = "invalid_audience"    // for another service
	CodeTokenExpired     Code = "token_expired"       // exp has passed
	CodeTokenNotYetValid Code = "token_not_yet_valid" // nbf is in the future
	CodeTokenRevoked     Code = "token_revoked"       // it or its session was revoked: see package revocation
)

// CodeInsufficientUserAuthentication also asks for another token (HTTP status 401), for which the
// user must authenticate in another way, or again (RFC 9470, section 3).
const CodeInsufficientUserAuthentication Code = "insufficient_user_authentication"

// CodeUnboundToken asks for a token that is bound to a key or a certificate (HTTP status 401): see
// [Requirement].
const CodeUnboundToken Code = "unbound_token"

// Codes for an [AuthError] that asks for another DPoP proof with the same token (HTTP status 401;
// RFC 9449, section 7.1). The challenge has the scheme DPoP.
const (
	CodeInvalidDPoPProof Code = "invalid_dpop_proof" // no proof, a bad one, or one for another call
	CodeUseDPoPNonce     Code = "use_dpop_nonce"     // the proof must contain the nonce in DPoP-Nonce
)

// Codes for an [AuthError] that another token with the same rights wouldn't change (HTTP status
// 403).
const (
	CodeInsufficientScope       Code = "insufficient_scope"
	CodeInsufficientPermissions Code = "insufficient_permissions"
)

// Codes for a [KeysError].
const (
	CodeJWKSFetchFailed Code = "jwks_fetch_failed" // the issuer didn't answer, or may not be asked yet
	CodeJWKSError       Code = "jwks_error"        // the issuer's answer was unusable

	CodeIntrospectionFailed Code = "introspection_failed" // no answer about the token, or it may not be asked for yet
	CodeIntrospectionError  Code = "introspection_error"  // the answer was unusable

	CodeRevocationsStale Code = "revocations_stale" // a revocation may have been missed: see package revocation

	CodeReplaysFull   Code = "replays_full"   // as many DPoP proofs are remembered as may be
	CodeReplaysFailed Code = "replays_failed" // the store of DPoP proofs doesn't answer
)

// An AuthError refuses a caller whose token is absent, bad, or not enough.
//
// Code and Message are safe to send to the caller. They contain no part of the token and no claim
// value. Err may: keep it in your logs.
type AuthError struct {
	Code    Code
	Message string

	// Scopes and Permissions list everything the call needs, not only what the token lacks. They
	// are set with [CodeInsufficientScope], [CodeInsufficientPermissions],
	// [CodeInsufficientUserAuthentication] and [CodeUnboundToken].
	Scopes      []string
	Permissions []string

	// ACRValues and MaxAge say how the user must have authenticated: see [Requirement]. They are
	// set with the same codes.
	ACRValues []string
	MaxAge    time.Duration

	Err error // the cause, or nil
}

// Error returns the code, the message and the cause, for your log. Send callers only Message.
func (e *AuthError) Error() string {
	text := string(e.Code) + ": " + e.Message
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns the cause, which may be nil, and is safe to call on a nil *AuthError.
func (e *AuthError) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.Err
}

// StatusCode returns the HTTP status for the response: 403 for [CodeInsufficientScope] and
// [CodeInsufficientPermissions], and 401 for every other code, known or not.
func (e *AuthError) StatusCode() int {
	switch e.Code {
	case CodeInsufficientScope, CodeInsufficientPermissions:
		return http.StatusForbidden
	default:
		return http.StatusUnauthorized
	}
}

// Challenge returns the challenge for the WWW-Authenticate field (RFC 6750, section 3; RFC 9470,
// section 3). An empty realm becomes "api", because at least one parameter must follow the
// scheme.
//
// A caller who sent no credentials gets no error code (RFC 6750, section 3.1). Permissions are
// left out, because the standard has no parameter for them, and so is the cause.
func (e *AuthError) Challenge(realm string) Challenge {
	challenge := Challenge{Scheme: "Bearer", Params: []Param{{"realm", cmp.Or(realm, defaultRealm)}}}
	add := func(name, value string) {
		if value != "" { // at least one character (RFC 6749, appendices A.7 and A.8)
			challenge.Params = append(challenge.Params, Param{name, unquoted(value)})
		}
	}
	addList := func(name string, values []string) { add(name, strings.Join(values, " ")) }
	switch e.Code {
	case CodeMissingToken:
	case CodeInvalidDPoPProof, CodeUseDPoPNonce:
		challenge.Scheme = "DPoP"
		add("error", string(e.Code))
		add("error_description", e.Message)
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
	case CodeUnboundToken:
		add("error", "invalid_token")
		add("error_description", e.Message)
		addList("scope", e.Scopes)
	default:
		add("error", "invalid_token")
		add("error_description", e.Message)
	}
	return challenge
}

// defaultRealm is a challenge's realm if none is configured.
const defaultRealm = "api"

// unquoted replaces the characters RFC 6750, section 3, excludes from scope, error and
// error_description, which have no escapes.
func unquoted(value string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r > 0x7E || r == '"' || r == '\\' {
			return '?'
		}
		return r
	}, value)
}

// A KeysError means that the issuer's keys are unavailable, or its answer about the token (package
// introspection), so the token was not judged. The caller should keep its token and try again.
type KeysError struct {
	Code       Code          // one of the codes above
	RetryAfter time.Duration // how long until an attempt can succeed; always positive
	Err        error         // the cause, for your logs only
}

// Error returns the code and the cause.
func (e *KeysError) Error() string {
	if e.Err == nil {
		return string(e.Code)
	}
	return string(e.Code) + ": " + e.Err.Error()
}

// Unwrap returns the cause, which may be nil. It is safe to call on a nil *KeysError. If the
// cause contains an [AuthError], Unwrap returns nil: an HTTPClient's own token was refused, which
// says nothing about the caller.
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

// CodeOf returns the code from the first [AuthError] in err's tree, or otherwise from the first
// [KeysError], or otherwise "".
func CodeOf(err error) Code {
	if authErr, ok := errors.AsType[*AuthError](err); ok && authErr != nil {
		return authErr.Code
	}
	if keysErr, ok := errors.AsType[*KeysError](err); ok && keysErr != nil {
		return keysErr.Code
	}
	return ""
}
