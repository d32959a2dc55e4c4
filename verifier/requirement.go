package verifier

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// A Requirement is what a token must grant, and how its user must have
// authenticated. All that is set has to hold. The zero value asks for nothing.
type Requirement struct {
	// Scopes must all be granted. Each is a scope-token of RFC 6749, section 3.3.
	Scopes []string

	// AnyScopes are alternatives: one of them must be granted. A challenge names the
	// first.
	AnyScopes []string

	// Permissions must all be granted.
	Permissions []string

	// ACRValues are alternatives, in order of preference: the token's acr must be one
	// of them, exactly (RFC 9470, section 3).
	ACRValues []string

	// MaxAge is how long ago the user may have authenticated, by the token's
	// auth_time and with the verifier's leeway: in whole seconds, and 0 for any time
	// (RFC 9470, section 3).
	MaxAge time.Duration
}

// IsZero reports whether r asks for nothing.
func (r Requirement) IsZero() bool {
	return len(r.Scopes) == 0 && len(r.AnyScopes) == 0 && len(r.Permissions) == 0 &&
		len(r.ACRValues) == 0 && r.MaxAge == 0
}

// Clone returns a copy that shares nothing with r.
func (r Requirement) Clone() Requirement {
	r.Scopes = slices.Clone(r.Scopes)
	r.AnyScopes = slices.Clone(r.AnyScopes)
	r.Permissions = slices.Clone(r.Permissions)
	r.ACRValues = slices.Clone(r.ACRValues)
	return r
}

// Validate reports the first part of r that no token could satisfy, or that a
// challenge could not tell.
func (r Requirement) Validate() error {
	for _, scope := range slices.Concat(r.Scopes, r.AnyScopes) {
		if !isScopeToken(scope) {
			return fmt.Errorf("%q is not a scope (RFC 6749, section 3.3)", scope)
		}
	}
	for _, acr := range r.ACRValues {
		if !isScopeToken(acr) {
			return fmt.Errorf("%q cannot stand in a list of acr values (RFC 9470, section 3)", acr)
		}
	}
	switch {
	case slices.Contains(r.Permissions, ""):
		return errors.New("a permission is empty")
	case r.MaxAge < 0 || r.MaxAge%time.Second != 0:
		return errors.New("MaxAge must be whole seconds, and not negative")
	}
	return nil
}

// isScopeToken follows RFC 6749, section 3.3: 1*( %x21 / %x23-5B / %x5D-7E ).
func isScopeToken(scope string) bool {
	for i := range len(scope) {
		if c := scope[i]; c < 0x21 || c > 0x7E || c == '"' || c == '\\' {
			return false
		}
	}
	return scope != ""
}

// Check returns nil when claims satisfy all of r, and still all that their verifier
// asks by [Config].Require. Otherwise it returns an [*AuthError], first for how the
// user authenticated ([CodeInsufficientUserAuthentication]), and then for what the
// token grants ([CodeInsufficientScope], [CodeInsufficientPermissions]), which names
// the needs of both. Nil claims are refused whatever r holds.
func (r Requirement) Check(claims *Claims) error {
	if claims == nil {
		return refuse(CodeMissingToken, "the call carries no access token")
	}
	var baseline Requirement
	if claims.baseline != nil {
		baseline = *claims.baseline
	}
	refusal := baseline.check(claims)
	if refusal == nil {
		refusal = r.check(claims)
	}
	if refusal == nil {
		return nil
	}
	return refusal.With(baseline).With(r)
}

func (r Requirement) check(claims *Claims) *AuthError {
	if len(r.ACRValues) > 0 && (claims.acr == "" || !slices.Contains(r.ACRValues, claims.acr)) {
		return refuse(CodeInsufficientUserAuthentication, "the user must authenticate in another way")
	}
	if r.MaxAge != 0 && !claims.authenticatedWithin(r.MaxAge) {
		return refuse(CodeInsufficientUserAuthentication, "the user must authenticate again")
	}
	for _, scope := range r.Scopes {
		if !claims.HasScope(scope) {
			return refuse(CodeInsufficientScope, "the token lacks a required scope")
		}
	}
	if len(r.AnyScopes) > 0 && !slices.ContainsFunc(r.AnyScopes, claims.HasScope) {
		return refuse(CodeInsufficientScope, "the token lacks a required scope")
	}
	for _, permission := range r.Permissions {
		if !claims.HasPermission(permission) {
			return refuse(CodeInsufficientPermissions, "the token lacks a required permission")
		}
	}
	return nil
}

func (c *Claims) authenticatedWithin(maxAge time.Duration) bool {
	return !c.authTime.IsZero() && !time.Now().After(c.authTime.Add(maxAge).Add(c.leeway))
}
