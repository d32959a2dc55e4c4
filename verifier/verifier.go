package verifier

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// A Verifier accepts or refuses tokens by one [Config]. Make one with [New] and use it for
// the life of the process. It's safe for concurrent use, and there is nothing to close: a
// fetch of keys ends by itself.
type Verifier struct {
	config Config
	claims claimsReader
	keys   *keys
	cache  tokenCache
}

// New returns a Verifier, or an error that names the invalid field of config. It keeps a
// copy of config, starts no goroutine and contacts no one: an issuer that is down doesn't
// stop a server from starting.
func New(config Config) (*Verifier, error) {
	v, err := newVerifier(config)
	if err != nil {
		return nil, fmt.Errorf("verifier: %w", err)
	}
	return v, nil
}

func newVerifier(config Config) (*Verifier, error) {
	config = config.withDefaults()
	if err := config.validate(); err != nil {
		return nil, err
	}
	keys, err := newKeys(config)
	if err != nil {
		return nil, fmt.Errorf("Config.JWKS: %w", err)
	}
	claims, err := newClaimsReader(config)
	if err != nil {
		return nil, err
	}
	return &Verifier{
		config: config,
		claims: claims,
		keys:   keys,
		cache:  newTokenCache(config.TokenCacheSize),
	}, nil
}

// Verify returns the claims of an access token. Token is the bare token, without its
// scheme; nothing is trimmed.
//
// The error is an [*AuthError] when the token is refused, a [*KeysError] when the issuer's
// keys are unavailable, and ctx.Err() when ctx ends first. Claims are zero with every
// error.
func (v *Verifier) Verify(ctx context.Context, token string) (Claims, error) {
	if err := ctx.Err(); err != nil {
		return Claims{}, err
	}
	claims, ok := v.recall(token)
	if !ok {
		var err error
		if claims, err = v.verify(ctx, token); err != nil {
			return Claims{}, err
		}
	}
	return v.checkGrants(claims)
}

// recall returns the claims of a token that was verified before and would be again.
func (v *Verifier) recall(token string) (Claims, bool) {
	r := v.cache.get(token)
	if r == nil {
		return Claims{}, false
	}
	if !v.keys.holds(r.kid, r.key) || v.checkTimes(r.claims, time.Now()) != nil {
		v.cache.remove(r)
		return Claims{}, false
	}
	return r.claims, true
}

// verify does all that depends on nothing but the token, the keys and the clock, and
// remembers the token.
func (v *Verifier) verify(ctx context.Context, token string) (Claims, error) {
	b := newBuffer()
	defer b.release()
	t, refusal := parseToken(token, b)
	if refusal != nil {
		return Claims{}, refusal
	}
	if refusal := v.checkHeader(&t); refusal != nil {
		return Claims{}, refusal
	}
	key, err := v.keys.find(ctx, t.kid, t.alg)
	if err != nil {
		return Claims{}, err
	}
	if !key.Verify(t.alg, t.signed, t.signature) {
		return Claims{}, refuse(CodeInvalidToken, "the signature is not valid")
	}
	claims, refusal := v.claims.read(t.payload)
	if refusal != nil {
		return Claims{}, refusal
	}
	if refusal := v.checkClaims(claims, time.Now()); refusal != nil {
		return Claims{}, refusal
	}
	v.cache.add(&remembered{token: token, kid: t.kid, key: key, claims: claims})
	return claims, nil
}

// checkHeader comes before the search for a key: an attacker who chooses alg and kid must
// not be able to choose what we fetch.
func (v *Verifier) checkHeader(t *token) *AuthError {
	switch {
	case !slices.Contains(v.config.Algorithms, t.alg):
		return refuse(CodeDisallowedAlg, "the signature algorithm is not allowed")
	case v.config.RFC9068 && !t.hasType("at+jwt"), !t.isAccessToken():
		return refuse(CodeInvalidToken, "the token is not an access token")
	case t.kid == "":
		return refuse(CodeMissingKid, "the token header has no valid kid")
	case len(t.kid) > maxKidBytes:
		return refuse(CodeMalformedToken, "the kid is too long")
	}
	return nil
}

func (v *Verifier) checkClaims(claims Claims, now time.Time) *AuthError {
	c := claims.data
	if refusal := v.checkPresent(claims); refusal != nil {
		return refusal
	}
	switch {
	case c.issuer != v.config.Issuer:
		return anotherIssuer()
	case !v.isAudience(claims):
		return refuse(CodeInvalidAudience, "the token is for another audience")
	}
	if refusal := v.checkTimes(claims, now); refusal != nil {
		return refusal
	}
	// RFC 9449, section 7.2: a token bound to a key is no bearer token. Nor may any other
	// confirmation method be passed over (RFC 7800, section 3.1).
	if c.senderConstrained {
		return refuse(CodeInvalidToken, "the token is bound to a proof that is not supported")
	}
	return nil
}

func (v *Verifier) checkPresent(claims Claims) *AuthError {
	c := claims.data
	switch {
	case c.issuer == "":
		return refuse(CodeMissingClaim, "the token has no iss")
	case c.expiry.IsZero():
		return refuse(CodeMissingClaim, "the token has no exp")
	case c.audience == nil && len(v.config.ClientIDs) == 0:
		return refuse(CodeMissingClaim, "the token has no aud")
	case c.audience == nil && claims.ClientID() == "":
		return refuse(CodeMissingClaim, "the token has neither aud nor client_id")
	}
	if v.config.RFC9068 && (c.audience == nil || c.subject == "" || c.clientID == "" ||
		c.id == "" || c.issuedAt.IsZero()) {
		return refuse(CodeMissingClaim, "the token lacks a claim that RFC 9068 requires")
	}
	return nil
}

func anotherIssuer() *AuthError {
	return refuse(CodeInvalidIssuer, "the token is from another issuer")
}

// isAudience judges only a token without aud by its client: one with an aud is meant for
// the services it names.
func (v *Verifier) isAudience(claims Claims) bool {
	if claims.data.audience == nil {
		return slices.Contains(v.config.ClientIDs, claims.ClientID())
	}
	return slices.ContainsFunc(claims.data.audience, func(audience string) bool {
		return slices.Contains(v.config.Audiences, audience)
	})
}

// checkTimes is all that can become wrong with claims that were right.
func (v *Verifier) checkTimes(claims Claims, now time.Time) *AuthError {
	switch {
	case !now.Before(claims.ValidUntil()):
		return refuse(CodeTokenExpired, "the token has expired")
	case now.Before(claims.data.notBefore.Add(-v.config.Leeway)):
		return refuse(CodeTokenNotYetValid, "the token is not valid yet")
	}
	return nil
}

// checkGrants asks for what every token must grant.
func (v *Verifier) checkGrants(claims Claims) (Claims, error) {
	if err := v.config.Require.Check(claims); err != nil {
		return Claims{}, err
	}
	return claims, nil
}

// Ready returns nil when the issuer's keys are at hand, fetching them if it must, and
// otherwise a [*KeysError] or ctx.Err(). It's for start-up and for probes; Verify doesn't
// depend on it.
func (v *Verifier) Ready(ctx context.Context) error {
	return v.keys.ready(ctx)
}

// Status returns the state of the issuer's keys, as the only element. It fetches nothing.
func (v *Verifier) Status() []Status {
	return []Status{v.keys.status()}
}
