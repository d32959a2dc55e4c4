package verifier

import (
	"slices"
	"strings"
	"time"

	"github.com/oidcrpc/oidcrpc/internal/field"
)

// Check returns nil if claims satisfy r and their verifier's [Config].Require. Otherwise it
// returns an [*AuthError] that lists what both need. A token that must be bound comes first
// ([CodeUnboundToken]), then who calls, by issuer, subject and actor
// ([CodeInsufficientPermissions]), then how the user authenticated
// ([CodeInsufficientUserAuthentication]), then what the token grants ([CodeInsufficientScope],
// [CodeInsufficientPermissions]). Nil or zero claims are always refused with [CodeMissingToken],
// even by the zero Requirement.
func (r Requirement) Check(claims *Claims) error {
	if claims.IsZero() {
		return refuse(CodeMissingToken, "the call carries no access token")
	}
	var baseline Requirement
	if c := claims.get(); c.hasBaseline {
		baseline = c.rules.baseline
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
	c := claims.get()
	if r.Bound && !c.isBound {
		return refuse(CodeUnboundToken, "the token must be bound to a key or a certificate").because(
			"there is no cnf, and Requirement.Bound asks for one: have the issuer bind this client's tokens")
	}
	if len(r.Issuers) > 0 && !slices.Contains(r.Issuers, c.issuer) {
		return refuse(CodeInsufficientPermissions, "the call is not allowed").because(
			"iss is %q, and Requirement.Issuers is %s", field.Printable(c.issuer), describeList(r.Issuers))
	}
	if len(r.Subjects) > 0 && !matches(r.Subjects, c.subject) {
		return refuse(CodeInsufficientPermissions, "the call is not allowed").because(
			"sub is none of Requirement.Subjects, %s", describeList(r.Subjects))
	}
	if len(r.Actors) > 0 && !hasActor(claims, r.Actors) {
		return refuse(CodeInsufficientPermissions, "the call is not allowed").because(
			"act is absent, or its sub is none of Requirement.Actors, %s", describeList(r.Actors))
	}
	if len(r.ACRValues) > 0 && (c.acr == "" || !slices.Contains(r.ACRValues, c.acr)) {
		return refuse(CodeInsufficientUserAuthentication, "the user must authenticate in another way").because(
			"acr is absent, or none of Requirement.ACRValues, %s", describeList(r.ACRValues))
	}
	if r.MaxAge != 0 && !c.authenticatedWithin(r.MaxAge) {
		return refuse(CodeInsufficientUserAuthentication, "the user must authenticate again").because(
			"auth_time is absent, or longer ago than Requirement.MaxAge, %v", r.MaxAge)
	}
	for _, scope := range r.Scopes {
		if !claims.HasScope(scope) {
			return c.lacksScope(scope)
		}
	}
	if len(r.AnyScopes) > 0 && !slices.ContainsFunc(r.AnyScopes, claims.HasScope) {
		return c.lacksScope(r.AnyScopes[0])
	}
	for _, permission := range r.Permissions {
		if !claims.HasPermission(permission) {
			cause := describeGrants("permission", "PermissionsClaim",
				c.rules.permissionsClaim, permission, c.hasPermissions, false)
			return refuse(CodeInsufficientPermissions, "the token lacks a required permission").because("%s", cause)
		}
	}
	return nil
}

// hasActor reports whether the token's current actor is among actors of the token's own issuer.
func hasActor(claims *Claims, actors []string) bool {
	actor, ok := claims.Actor()
	return ok && (actor.Issuer == "" || actor.Issuer == claims.Issuer()) && matches(actors, actor.Subject)
}

// matches reports whether value equals an entry, or lies below one that ends in "/*".
// An absent value does neither.
func matches(entries []string, value string) bool {
	return value != "" && slices.ContainsFunc(entries, func(entry string) bool {
		if !strings.HasSuffix(entry, "/*") {
			return entry == value
		}
		below, ok := strings.CutPrefix(value, strings.TrimSuffix(entry, "*"))
		return ok && isPath(below)
	})
}

// isPath refuses segments that lead nowhere or up again: another party may read them differently.
func isPath(s string) bool {
	for segment := range strings.SplitSeq(s, "/") {
		if segment == "" || segment == "." || segment == ".." {
			return false
		}
	}
	return true
}

func (c *claims) lacksScope(scope string) *AuthError {
	return refuse(CodeInsufficientScope, "the token lacks a required scope").because("%s", describeGrants(
		"scope", "ScopeClaim", c.rules.scopeClaim, scope, c.hasScopes, c.hasSCP))
}

func (c *claims) authenticatedWithin(maxAge time.Duration) bool {
	at := c.authTime.time()
	return !at.IsZero() && !time.Now().After(at.Add(maxAge).Add(c.rules.leeway))
}

// With returns a copy of e that also lists what r requires, so a caller who needs another token
// has to ask only once. From r.AnyScopes it lists the first, unless one is listed already. An
// error that doesn't ask for more rights, another authentication or a bound token is returned
// unchanged.
func (e *AuthError) With(r Requirement) *AuthError {
	switch e.Code {
	case CodeInsufficientScope, CodeInsufficientPermissions, CodeInsufficientUserAuthentication, CodeUnboundToken:
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

// common returns the alternatives in a that are also in b. An empty list means any.
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
