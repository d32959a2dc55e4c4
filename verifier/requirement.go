package verifier

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// A Requirement is what a token must grant, in every one of its fields. The zero
// value asks for nothing.
type Requirement struct {
	Scopes      []string      // all of them; each a scope-token of RFC 6749, section 3.3
	AnyScopes   []string      // at least one of them
	Permissions []string      // all of them
	ACRValues   []string      // RFC 9470: at least one of them, in order of preference
	MaxAge      time.Duration // RFC 9470: how long ago the user may have authenticated; 0: any time
}

// Validate reports the first scope or permission that no token could grant.
func (r Requirement) Validate() error {
	for _, scope := range r.Scopes {
		if !isScopeToken(scope) {
			return fmt.Errorf("%q is not a scope (RFC 6749, section 3.3)", scope)
		}
	}
	if slices.Contains(r.Permissions, "") {
		return errors.New("a permission is empty")
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

// Check returns nil when claims grant all of r, and otherwise an [*AuthError]
// with [CodeInsufficientScope] or [CodeInsufficientPermissions]. Nil claims are
// refused whatever r holds.
func (r Requirement) Check(claims *Claims) error {
	if claims == nil {
		return refuse(CodeMissingToken, "the call carries no access token")
	}
	for _, scope := range r.Scopes {
		if !claims.HasScope(scope) {
			return insufficient(CodeInsufficientScope, "the token lacks a required scope", r)
		}
	}
	for _, permission := range r.Permissions {
		if !claims.HasPermission(permission) {
			return insufficient(CodeInsufficientPermissions, "the token lacks a required permission", r)
		}
	}
	return nil
}
