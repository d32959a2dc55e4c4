package verifier

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/oidcrpc/oidcrpc/internal/jws"
)

// A Verifier accepts or refuses tokens by one [Config]. Make one with [New] and use it for
// the life of the process. It's safe for concurrent use, and there is nothing to close: a
// fetch of keys ends by itself.
type Verifier struct {
	config Config
	claims *claimRules
	keys   *keys
	cache  tokenCache
}

// New returns a Verifier, or an error that names the invalid field of config. It keeps a
// copy of config, starts no goroutine and contacts no one: an issuer that is down doesn't
// stop a server from starting.
func New(config Config) (*Verifier, error) {
	v, err := newVerifier(config, false)
	if err != nil {
		return nil, fmt.Errorf("verifier: %w", err)
	}
	return v, nil
}

// newVerifier makes a Verifier that may have to keep to public addresses: the issuer may be a
// customer's.
func newVerifier(config Config, publicOnly bool) (*Verifier, error) {
	config = config.withDefaults()
	if err := config.validate(); err != nil {
		return nil, err
	}
	keys, err := newKeys(config, publicOnly)
	if err != nil {
		return nil, fmt.Errorf("Config.JWKS: %w", err)
	}
	claims, err := config.claimRules()
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
// keys are unavailable, and wraps ctx.Err() when ctx ends first. Claims are nil with every
// error.
func (v *Verifier) Verify(ctx context.Context, token string) (*Claims, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	claims, ok := v.recall(token)
	if !ok {
		var err error
		if claims, err = v.verify(ctx, token); err != nil {
			return nil, err
		}
	}
	return v.checkGrants(claims)
}

// recall returns the claims of a token that was verified before and would be again.
func (v *Verifier) recall(token string) (*Claims, bool) {
	r := v.cache.get(token)
	if r == nil {
		return nil, false
	}
	if r.claims.data != r.data || !v.keys.holds(r.name, r.key) || v.checkTimes(r.claims, time.Now()) != nil {
		v.cache.remove(r)
		return nil, false
	}
	return r.claims, true
}

// verify does all that depends on nothing but the token, the keys and the clock, and
// remembers the token.
func (v *Verifier) verify(ctx context.Context, token string) (*Claims, error) {
	b := newBuffer()
	defer b.release()
	t, refusal := parseToken(token, v.config.MaxTokenBytes, b)
	if refusal != nil {
		return nil, refusal
	}
	if refusal := v.checkHeader(&t); refusal != nil {
		return nil, refusal
	}
	key, err := v.findKey(ctx, &t)
	if err != nil {
		return nil, err
	}
	claims, refusal := v.readClaims(&t)
	if refusal != nil {
		return nil, refusal
	}
	v.cache.add(&remembered{token: token, name: t.keyName(), key: key, claims: claims, data: claims.data})
	return claims, nil
}

// checkHeader comes before the search for a key: an attacker who chooses alg and kid must
// not be able to choose what we fetch.
func (v *Verifier) checkHeader(t *token) *AuthError {
	for _, name := range t.hints {
		if !slices.Contains(v.config.IgnoreHeaders, name) {
			return forbiddenHeader("its header has %s; Config.IgnoreHeaders can list it, to be read over", name)
		}
	}
	switch {
	case !v.allows(t):
		return refuse(CodeDisallowedAlg, "the signature algorithm is not allowed").because(
			"%s; Config.Algorithms allows %s", describeAlg(t.alg), strings.Join(v.config.Algorithms, ", "))
	case v.config.RFC9068 && !t.hasType("at+jwt"):
		return notAccessToken("its typ is not at+jwt, as Config.RFC9068 requires")
	case !t.isAccessToken():
		return notAccessToken("its typ is neither JWT nor at+jwt: send the access token")
	case t.hasKid && t.kid == "":
		return refuse(CodeMissingKid, "the token header has no valid kid").because("its kid is empty or not a string")
	case len(t.kid) > maxKeyNameBytes, len(t.x5t) > maxKeyNameBytes:
		return refuse(CodeMalformedToken, "the kid is too long").because(
			"its kid or x5t is longer than %d bytes", maxKeyNameBytes)
	}
	return nil
}

// allows reports whether the token's algorithm is on the list. Ed25519 is, under both of its
// names, if the signature can be one.
func (v *Verifier) allows(t *token) bool {
	return slices.ContainsFunc(v.config.Algorithms, func(alg string) bool {
		return alg == t.alg || jws.Canonical(alg) == jws.Canonical(t.alg) && len(t.signature) == ed25519.SignatureSize
	})
}

// findKey returns the key that the token is signed with. A key that isn't at hand is looked
// for, and so is one that replaced the key at hand under the same name. Keys are fetched for
// any token when there are none: only with them is a token judged, and its refusal explained.
func (v *Verifier) findKey(ctx context.Context, t *token) (*jws.Key, error) {
	name := t.keyName()
	set := v.keys.current()
	if set == nil || !set.Has(name) && !v.keys.isFixed() {
		issuedAt, refusal := v.worthFetching(t)
		if refusal != nil && set != nil {
			return nil, refusal
		}
		var err error
		if set, err = v.keys.lookFor(ctx, name, issuedAt); err != nil {
			return nil, err
		}
	}
	key := set.Key(name, t.alg)
	if key == nil {
		return nil, noKey(set.Why(name, t.alg))
	}
	if key.Verify(t.alg, t.signed, t.signature) {
		return key, nil
	}
	if _, refusal := v.worthFetching(t); refusal == nil {
		key, err := v.keys.lookAgain(ctx, name, t.alg, key)
		if err != nil || key != nil && key.Verify(t.alg, t.signed, t.signature) {
			return key, err
		}
	}
	return nil, refuse(CodeInvalidToken, "the signature is not valid").because(
		"the issuer's key did not make its signature: another key did, or the token was changed on the way")
}

// worthFetching refuses a token that no key could make good, so that nothing is fetched for
// it. Its claims are believed only to refuse, and the cause names none of them.
func (v *Verifier) worthFetching(t *token) (issuedAt time.Time, refusal *AuthError) {
	claims, refusal := v.readClaims(t)
	if refusal != nil {
		return time.Time{}, refusal.because("%s", describeUnchecked(refusal.Code))
	}
	return claims.IssuedAt(), nil
}

// readClaims reads the claims of a token and judges them. It doesn't look at the signature.
func (v *Verifier) readClaims(t *token) (*Claims, *AuthError) {
	claims, refusal := v.claims.read(t.payload)
	if refusal == nil {
		refusal = v.checkClaims(claims, time.Now())
	}
	if refusal != nil {
		return nil, refusal
	}
	return claims, nil
}

func (v *Verifier) checkClaims(claims *Claims, now time.Time) *AuthError {
	c := claims.get()
	if refusal := v.checkPresent(claims); refusal != nil {
		return refusal
	}
	switch {
	case c.issuer != v.config.Issuer:
		return anotherIssuer().because("%s", describeIssuer(c.issuer, v.config.Issuer))
	case !v.isAudience(claims):
		return refuse(CodeInvalidAudience, "the token is for another audience").because("%s", describeAudience(c.audience, v.config.Audiences))
	}
	if refusal := v.checkTimes(claims, now); refusal != nil {
		return refusal
	}
	switch {
	// RFC 9449, section 7.2: a token bound to a key is no bearer token. Nor may any other
	// confirmation method be passed over (RFC 7800, section 3.1).
	case c.senderConstrained:
		return refuse(CodeInvalidToken, "the token is bound to a proof that is not supported").because(
			"it has cnf, so it's bound by DPoP or mTLS; have the issuer issue bearer tokens")
	case c.isIDToken && !v.config.AcceptIDTokens:
		return notAccessToken("it has at_hash or c_hash, so it's an ID token, which is meant for the client: " +
			"send the access token, or set Config.AcceptIDTokens")
	}
	return nil
}

func (v *Verifier) checkPresent(claims *Claims) *AuthError {
	c := claims.get()
	missing := func(message, cause string) *AuthError { return refuse(CodeMissingClaim, message).because("%s", cause) }
	switch {
	case c.issuer == "":
		return missing("the token has no iss", "iss is absent or empty; Config.Issuer names the one to expect")
	case c.expiry.IsZero():
		return missing("the token has no exp", "exp is absent: have the issuer let its tokens expire")
	case c.audience == nil && len(v.config.ClientIDs) == 0:
		return missing("the token has no aud", "aud is absent: have the issuer name this service, "+
			"or list the client in Config.ClientIDs")
	case c.audience == nil && claims.ClientID() == "":
		return missing("the token has neither aud nor client_id", "aud, client_id and azp are absent; "+
			"Config.ClientIDs needs one of the latter two")
	}
	if v.config.RFC9068 && (c.audience == nil || c.subject == "" || c.clientID == "" ||
		c.id == "" || c.issuedAt.IsZero()) {
		return missing("the token lacks a claim that RFC 9068 requires",
			"Config.RFC9068 requires aud, sub, client_id, jti and iat")
	}
	return nil
}

func anotherIssuer() *AuthError {
	return refuse(CodeInvalidIssuer, "the token is from another issuer")
}

// isAudience judges only a token without aud by its client: one with an aud is meant for
// the services it names.
func (v *Verifier) isAudience(claims *Claims) bool {
	if claims.get().audience == nil {
		return slices.Contains(v.config.ClientIDs, claims.ClientID())
	}
	return slices.ContainsFunc(claims.get().audience, func(audience string) bool {
		return slices.Contains(v.config.Audiences, audience)
	})
}

// checkTimes is all that can become wrong with claims that were right.
func (v *Verifier) checkTimes(claims *Claims, now time.Time) *AuthError {
	leeway := claims.get().rules.leeway
	switch {
	case !now.Before(claims.ValidUntil()):
		return refuse(CodeTokenExpired, "the token has expired").because(
			"exp was %v ago, and Config.Leeway is %v", now.Sub(claims.Expiry()).Round(time.Second), leeway)
	case now.Before(claims.get().notBefore.Add(-leeway)):
		return refuse(CodeTokenNotYetValid, "the token is not valid yet").because(
			"nbf is %v from now, and Config.Leeway is %v: do the clocks differ?",
			claims.get().notBefore.Sub(now).Round(time.Second), leeway)
	}
	return nil
}

// checkGrants asks for what every token must grant.
func (v *Verifier) checkGrants(claims *Claims) (*Claims, error) {
	if err := v.config.Require.Check(claims); err != nil {
		return nil, err
	}
	return claims, nil
}

// Ready returns nil when the issuer's keys are at hand, fetching them if it must, and
// otherwise a [*KeysError] or ctx.Err(). It's for start-up and for probes; Verify doesn't
// depend on it.
func (v *Verifier) Ready(ctx context.Context) error {
	return v.keys.ready(ctx)
}

// MaxTokenBytes returns [Config].MaxTokenBytes. An Authenticator asks it how long a
// credential may be.
func (v *Verifier) MaxTokenBytes() int { return v.config.MaxTokenBytes }

// Status returns the state of the issuer's keys, as the only element. It fetches nothing.
func (v *Verifier) Status() []Status {
	return []Status{v.keys.status()}
}
