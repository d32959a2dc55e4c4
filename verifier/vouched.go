package verifier

import (
	"cmp"
	"errors"
	"fmt"
	"time"
)

const (
	maxObjectBytes = maxTokenBytes
	defaultRecheck = time.Minute
	minRecheck     = time.Second
)

// A ClaimsConfig says how [NewClaims] reads an object. The zero value is safe, but the object must
// then have an iss.
type ClaimsConfig struct {
	// Issuer names the claims' source, such as "api-keys", for objects without iss. It may have
	// any form. If it's set, an iss in the object must equal it byte for byte.
	Issuer string

	// ScopeClaim and PermissionsClaim name the members with scopes and permissions, as in
	// [Config]. The defaults are "scope" and "permissions".
	ScopeClaim       string
	PermissionsClaim string

	// Leeway allows for clock differences, as [Config].Leeway does. Here zero means none: set it
	// if exp and nbf come from another machine's clock. The maximum is 5 minutes.
	Leeway time.Duration

	// Recheck is how long a stream may run before its credential is verified again. So it says
	// how soon a stream ends after its credential was withdrawn. The default is a minute, and
	// streams wait no longer than this in any case. The minimum is a second, and a negative value
	// means never.
	Recheck time.Duration

	// Require says what every credential must grant, in addition to any policy. NewClaims doesn't
	// check it: [Requirement.Check] does so for each call, as it does with [Config].Require, and a
	// refused caller is told of all that the call needs.
	Require Requirement

	// AllowNoExpiry accepts an object without exp, such as an API key, which is valid until it's
	// withdrawn. [Claims.Expiry] is then the zero time, and a stream lasts until the credential is
	// refused when verified again. If there is an exp, it still counts.
	AllowNoExpiry bool
}

// NewClaims returns the claims in a JSON object for which you vouch: a session, a row of a table
// with API keys, the status of a Kubernetes TokenReview. Use it to write a token verifier for any
// kind of credential. The claims are judged and logged like a token's, and streams end with them.
//
// NewClaims checks no signature and no audience, so the object must come from a source you trust.
// Its members have a token's names and types (RFC 7519, section 4; RFC 9068, section 2.2), and are
// read by the same rules: strict JSON, no name twice, and numbers of seconds since 1970 for exp
// and nbf. An object is at most 64 KiB long. It must have an exp and, unless ClaimsConfig.Issuer
// is set, an iss, since subjects are unique only within their issuer.
//
// The error is an [*AuthError] if the claims have expired, aren't valid yet, are from another
// issuer, or are bound to a proof by cnf. Return it as it is, and the caller is refused. Any other
// error names the member or the field at fault, and isn't about the caller: the object is
// unusable. With any error the claims are nil.
//
// An answer from OAuth token introspection (RFC 7662) counts only if its member active is true,
// which NewClaims doesn't check.
func NewClaims(object []byte, c ClaimsConfig) (*Claims, error) {
	return NewBoundClaims(object, c, bearerOnly)
}

// NewBoundClaims does what NewClaims does, and also returns claims with a cnf if prove returns nil.
// It calls prove once, after all else about the claims holds, with what they're bound to, which is
// the zero Confirmation for claims without cnf. An error from prove is returned as it is.
func NewBoundClaims(object []byte, c ClaimsConfig, prove func(Confirmation) error) (*Claims, error) {
	rules, err := c.claimRules()
	if err != nil {
		return nil, fmt.Errorf("verifier: %w", err)
	}
	claims, err := rules.vouch(object, c)
	if err != nil {
		return nil, fmt.Errorf("verifier: NewClaims: %w", err)
	}
	if refusal := checkVouched(claims, c); refusal != nil {
		return nil, refusal
	}
	if err := prove(claims.Confirmation()); err != nil {
		return nil, err
	}
	return claims, nil
}

func (c ClaimsConfig) claimRules() (*claimRules, error) {
	r := &claimRules{
		scopeClaim:       cmp.Or(c.ScopeClaim, defaultScopeClaim),
		permissionsClaim: cmp.Or(c.PermissionsClaim, defaultPermissionsClaim),
		leeway:           c.Leeway,
		recheck:          max(cmp.Or(c.Recheck, defaultRecheck), 0),
		baseline:         c.Require.Clone(),
	}
	if err := c.Require.Validate(); err != nil {
		return nil, fmt.Errorf("ClaimsConfig.Require: %w", err)
	}
	switch {
	case c.Leeway < 0 || c.Leeway > maxLeeway:
		return nil, fmt.Errorf("ClaimsConfig.Leeway must be at most %v, and not negative", maxLeeway)
	case 0 < c.Recheck && c.Recheck < minRecheck:
		return nil, fmt.Errorf("ClaimsConfig.Recheck must be at least %v; a bare number counts nanoseconds", minRecheck)
	}
	return r, r.compile("ClaimsConfig")
}

// vouch reads an object. An error names the member at fault.
func (r *claimRules) vouch(object []byte, config ClaimsConfig) (*Claims, error) {
	if len(object) > maxObjectBytes {
		return nil, fmt.Errorf("the object has %d bytes, more than %d", len(object), maxObjectBytes)
	}
	claims, misshapen, ok := r.parse(string(object), nil)
	c := claims.data
	switch {
	case !ok:
		return nil, errors.New("the object is not JSON in UTF-8, holds a name twice, or is nested too deep")
	case misshapen != "":
		return nil, errors.New(describeShape(misshapen))
	case !c.hasExpiry && !config.AllowNoExpiry:
		return nil, errors.New("exp is absent; ClaimsConfig.AllowNoExpiry accepts claims without it")
	case c.issuer == "" && config.Issuer == "":
		return nil, errors.New("iss is absent or empty, and ClaimsConfig.Issuer isn't set")
	}
	c.issuer = cmp.Or(c.issuer, config.Issuer)
	c.neverExpires = !c.hasExpiry
	return claims, nil
}

// checkVouched checks what must hold for any credential.
func checkVouched(claims *Claims, config ClaimsConfig) *AuthError {
	c := claims.get()
	switch {
	case config.Issuer != "" && c.issuer != config.Issuer:
		return anotherIssuer().because("%s", describeIssuer(c.issuer, config.Issuer))
	case c.isBound && c.confirmation.IsZero():
		return boundToUnknown()
	}
	return checkTimes(claims, time.Now())
}
