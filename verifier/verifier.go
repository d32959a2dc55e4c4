package verifier

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// A Verifier accepts or refuses tokens by one [Config]. Make one with [New] and
// use it for the life of the process. It is safe for concurrent use, and there is
// nothing to close: a fetch of keys ends by itself.
type Verifier struct {
	issuer           string
	audiences        []string
	clientIDs        []string
	algorithms       []string
	leeway           time.Duration
	rfc9068          bool
	require          Requirement
	scopeClaim       claimPath
	permissionsClaim claimPath
	keys             *keySource
}

// New returns a Verifier, or an error that names the field of config which is
// wrong. It keeps a copy of config, starts no goroutine and contacts nobody: an
// issuer that is down does not stop a server from starting.
func New(config Config) (*Verifier, error) {
	config = config.withDefaults()
	if err := config.validate(); err != nil {
		return nil, fmt.Errorf("verifier: %w", err)
	}
	v := &Verifier{
		issuer:     config.Issuer,
		audiences:  config.Audiences,
		clientIDs:  config.ClientIDs,
		algorithms: config.Algorithms,
		leeway:     config.Leeway,
		rfc9068:    config.RFC9068,
		require:    config.Require,
	}
	v.scopeClaim, _ = parseClaimPath(config.ScopeClaim)
	v.permissionsClaim, _ = parseClaimPath(config.PermissionsClaim)
	if config.JWKS != nil {
		set, err := parseKeySet(config.JWKS, config.MaxKeys)
		if err != nil {
			return nil, fmt.Errorf("verifier: Config.JWKS: %w", err)
		}
		v.keys = &keySource{}
		v.keys.current.Store(set)
		return v, nil
	}
	remote := &issuer{
		name:      config.Issuer,
		jwksURL:   config.JWKSURL,
		client:    newClient(config.HTTPClient),
		allowHTTP: config.AllowHTTP,
		ttl:       config.KeysTTL,
		maxKeys:   config.MaxKeys,
	}
	v.keys = &keySource{load: remote.keySet, timeout: config.FetchTimeout}
	return v, nil
}

// Verify returns the claims of an access token. Token is the bare token, without
// its scheme; nothing is trimmed.
//
// The error is an [*AuthError] when the token is refused, a [*KeysError] when the
// issuer's keys cannot be had, and ctx.Err() when ctx ends first. Claims are nil
// with every error.
func (v *Verifier) Verify(ctx context.Context, token string) (*Claims, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	t, refusal := parseToken(token)
	if refusal != nil {
		return nil, refusal
	}
	if refusal := v.checkHeader(t); refusal != nil {
		return nil, refusal
	}
	key, err := v.keys.key(ctx, t.kid, t.alg)
	if err != nil {
		return nil, err
	}
	if !key.verifies(t) {
		return nil, refuse(CodeInvalidToken, "the signature is not valid")
	}
	claims, refusal := v.parseClaims(t.payload)
	if refusal != nil {
		return nil, refusal
	}
	if refusal := v.checkClaims(claims, time.Now()); refusal != nil {
		return nil, refusal
	}
	if err := v.require.Check(claims); err != nil {
		return nil, err
	}
	return claims, nil
}

// checkHeader precedes the look-up of a key: whoever chooses alg and kid must not
// choose what we fetch.
func (v *Verifier) checkHeader(t *token) *AuthError {
	switch {
	case !slices.Contains(v.algorithms, t.alg):
		return refuse(CodeDisallowedAlg, "the signature algorithm is not allowed")
	case v.rfc9068 && !t.hasType("at+jwt"), !t.isAccessToken():
		return refuse(CodeInvalidToken, "the token is not an access token")
	case t.kid == "":
		return refuse(CodeMissingKid, "the token header has no valid kid")
	case len(t.kid) > maxKidBytes:
		return refuse(CodeMalformedToken, "the kid is too long")
	}
	return nil
}

func (v *Verifier) checkClaims(c *Claims, now time.Time) *AuthError {
	if refusal := v.checkPresent(c); refusal != nil {
		return refusal
	}
	switch {
	case c.issuer != v.issuer:
		return refuse(CodeInvalidIssuer, "the token is from another issuer")
	case !v.isAudience(c):
		return refuse(CodeInvalidAudience, "the token is for another audience")
	case !now.Before(c.ValidUntil()):
		return refuse(CodeTokenExpired, "the token has expired")
	case now.Before(c.notBefore.Add(-v.leeway)):
		return refuse(CodeTokenNotYetValid, "the token is not valid yet")
	// RFC 9449, section 7.2: a token bound to a key is no bearer token. Nor may any
	// other confirmation method be passed over (RFC 7800, section 3.1).
	case c.senderConstrained:
		return refuse(CodeInvalidToken, "the token is bound to a proof that is not supported")
	}
	return nil
}

func (v *Verifier) checkPresent(c *Claims) *AuthError {
	switch {
	case c.issuer == "":
		return refuse(CodeMissingClaim, "the token has no iss")
	case c.expiry.IsZero():
		return refuse(CodeMissingClaim, "the token has no exp")
	case c.audience == nil && len(v.clientIDs) == 0:
		return refuse(CodeMissingClaim, "the token has no aud")
	case c.audience == nil && c.clientID == "":
		return refuse(CodeMissingClaim, "the token has neither aud nor client_id")
	}
	if v.rfc9068 && (c.audience == nil || c.subject == "" || c.clientID == "" ||
		c.id == "" || c.issuedAt.IsZero()) {
		return refuse(CodeMissingClaim, "the token lacks a claim that RFC 9068 requires")
	}
	return nil
}

// isAudience judges by client only a token that has no aud: one that has is meant
// for those it names.
func (v *Verifier) isAudience(c *Claims) bool {
	if c.audience == nil {
		return slices.Contains(v.clientIDs, c.clientID)
	}
	return slices.ContainsFunc(c.audience, func(audience string) bool {
		return slices.Contains(v.audiences, audience)
	})
}

// Ready returns nil when the issuer's keys are at hand, fetching them if need be,
// and otherwise a [*KeysError] or ctx.Err(). It is for start-up and for probes;
// Verify does not depend on it.
func (v *Verifier) Ready(ctx context.Context) error {
	return v.keys.ready(ctx)
}

// Requirement returns a copy of [Config].Require, which stands beside what a
// policy asks of a call.
func (v *Verifier) Requirement() Requirement {
	return Requirement{
		Scopes:      slices.Clone(v.require.Scopes),
		Permissions: slices.Clone(v.require.Permissions),
	}
}
