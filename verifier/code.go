package verifier

import "errors"

// A Code names why a token was refused or could not be judged. The strings are
// stable: they may be compared, logged, counted and sent to callers.
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

// CodeInsufficientUserAuthentication is that of an [AuthError] which asks for another
// token, too (HTTP status 401): one for which the user authenticates in another way,
// or again (RFC 9470, section 3).
const CodeInsufficientUserAuthentication Code = "insufficient_user_authentication"

// The codes of an [AuthError] that another token of the same rights would not
// change (HTTP status 403).
const (
	CodeInsufficientScope       Code = "insufficient_scope"
	CodeInsufficientPermissions Code = "insufficient_permissions"
)

// The codes of a [KeysError].
const (
	CodeJWKSFetchFailed Code = "jwks_fetch_failed" // the issuer did not answer, or may not be asked just now
	CodeJWKSError       Code = "jwks_error"        // the issuer answered something unusable
)

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
