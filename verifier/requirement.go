package verifier

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// A Requirement is what a token must grant, and how its user must have authenticated. All
// that is set has to hold. The zero value asks for nothing.
type Requirement struct {
	// Scopes must all be granted. Each is a scope-token (RFC 6749, section 3.3).
	Scopes []string

	// AnyScopes are alternatives: one of them must be granted. A challenge names the
	// first.
	AnyScopes []string

	// Permissions must all be granted.
	Permissions []string

	// Issuers are alternatives, for a verifier of several issuers: the token's iss must be
	// one of them, exactly. The caller is told no more than no.
	Issuers []string

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
	return len(r.Scopes) == 0 && len(r.AnyScopes) == 0 && len(r.Permissions) == 0 && len(r.Issuers) == 0 &&
		len(r.ACRValues) == 0 && r.MaxAge == 0
}

// Clone returns a copy that shares nothing with r.
func (r Requirement) Clone() Requirement {
	r.Scopes = slices.Clone(r.Scopes)
	r.AnyScopes = slices.Clone(r.AnyScopes)
	r.Permissions = slices.Clone(r.Permissions)
	r.Issuers = slices.Clone(r.Issuers)
	r.ACRValues = slices.Clone(r.ACRValues)
	return r
}

// Validate reports the first part of r that no token could satisfy, or that can't be
// expressed in a challenge.
func (r Requirement) Validate() error {
	for _, scope := range slices.Concat(r.Scopes, r.AnyScopes) {
		if !isScopeToken(scope) {
			return fmt.Errorf("%q is not a scope (RFC 6749, section 3.3)", scope)
		}
	}
	for _, acr := range r.ACRValues {
		if !isScopeToken(acr) {
			return fmt.Errorf("%q can't stand in a list of acr values (RFC 9470, section 3)", acr)
		}
	}
	switch {
	case slices.Contains(r.Permissions, ""):
		return errors.New("a permission is empty")
	case slices.Contains(r.Issuers, ""):
		return errors.New("an issuer is empty")
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
