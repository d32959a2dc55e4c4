package verifier

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Requirement says what a token must grant and how its user must have authenticated. All fields
// that are set must hold, and the zero value requires nothing beyond a valid token.
type Requirement struct {
	// Bound requires a token that is bound to its sender's key or certificate, and so the proof: a
	// bearer token is refused, because a thief could use it too (RFC 9700, section 2.2.1). Which
	// proofs count is for the service to say, with interceptor.WithMutualTLS for example.
	Bound bool

	// Scopes must all be granted, by the claim [Config].ScopeClaim names. Each is a scope-token
	// (RFC 6749, section 3.3).
	Scopes []string

	// AnyScopes are alternatives: at least one must be granted. A challenge names the first.
	AnyScopes []string

	// Permissions must all be granted, by the claim [Config].PermissionsClaim names.
	Permissions []string

	// Issuers are alternatives, for a verifier with several issuers. The token's iss must equal
	// one exactly. Other callers are told only that the call isn't allowed.
	Issuers []string

	// Subjects are alternatives. The token's sub must equal one exactly, or lie below one that
	// ends in "/*": "spiffe://example.org/web/*" stands for every longer sub that begins with
	// "spiffe://example.org/web/", at any depth. A subject belongs to its issuer, so set Issuers
	// too if the verifier has several. Other callers are told only that the call isn't allowed.
	Subjects []string

	// Actors are alternatives for the party that uses the token on behalf of its subject, in the
	// form of Subjects. The sub of the token's act must match one, and its iss, if present, must
	// be the token's (RFC 8693, section 4.1). A token without act is refused, and earlier actors
	// don't count. Other callers are told only that the call isn't allowed.
	Actors []string

	// ACRValues are alternatives, in order of preference. The token's acr must equal one exactly
	// (RFC 9470, section 3).
	ACRValues []string

	// MaxAge limits how long ago the user authenticated, according to auth_time and with the
	// verifier's leeway (RFC 9470, section 3). It must be whole seconds, and zero means no limit.
	MaxAge time.Duration
}

// IsZero reports whether r requires nothing.
func (r Requirement) IsZero() bool {
	return !r.Bound && len(r.Scopes) == 0 && len(r.AnyScopes) == 0 && len(r.Permissions) == 0 && len(r.Issuers) == 0 &&
		len(r.Subjects) == 0 && len(r.Actors) == 0 && len(r.ACRValues) == 0 && r.MaxAge == 0
}

// Clone returns a copy that shares no memory with r.
func (r Requirement) Clone() Requirement {
	r.Scopes = slices.Clone(r.Scopes)
	r.AnyScopes = slices.Clone(r.AnyScopes)
	r.Permissions = slices.Clone(r.Permissions)
	r.Issuers = slices.Clone(r.Issuers)
	r.Subjects = slices.Clone(r.Subjects)
	r.Actors = slices.Clone(r.Actors)
	r.ACRValues = slices.Clone(r.ACRValues)
	return r
}

// Validate returns an error for the first part of r that no token could satisfy or no challenge
// could express.
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
	for _, party := range slices.Concat(r.Subjects, r.Actors) {
		if exact := strings.TrimSuffix(party, "/*"); exact == "" || strings.Contains(exact, "*") {
			return fmt.Errorf(
				"%q can't be in Subjects or Actors: it's empty, or has a * that isn't last, after a slash", party)
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

// isScopeToken reports whether scope matches 1*( %x21 / %x23-5B / %x5D-7E ) (RFC 6749, section
// 3.3).
func isScopeToken(scope string) bool {
	for i := range len(scope) {
		if c := scope[i]; c < 0x21 || c > 0x7E || c == '"' || c == '\\' {
			return false
		}
	}
	return scope != ""
}
