package verifier

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/oidcrpc/oidcrpc/internal/jws"
)

// A Verifier accepts or refuses one issuer's tokens, as its [Config] says. Make one with [New]
// and keep it for the life of the process. It is safe for concurrent use, has nothing to close,
// and its zero value refuses every token.
type Verifier struct {
	memory

	config Config
	claims *claimRules

	verified  atomic.Uint64 // tokens, since New
	forEvents bool          // set by NewEventVerifier alone
}

// New returns a Verifier, or an error that names the invalid field. It keeps a copy of config,
// starts no goroutine and makes no request, so a server can start while its issuer is down.
func New(config Config) (*Verifier, error) {
	v, err := newVerifier(config, false, newTokenIndex())
	if err != nil {
		return nil, fmt.Errorf("verifier: %w", err)
	}
	return v, nil
}

// newVerifier makes a Verifier, whose tokens the index finds. If publicOnly is set, it fetches only
// from public addresses, because the issuer may be chosen by a customer.
func newVerifier(config Config, publicOnly bool, index tokenIndex) (*Verifier, error) {
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
		memory: memory{keys: keys, cache: index.NewCache(config.TokenCacheSize)},
	}, nil
}

// Verify checks an access token and returns its claims. The token is passed without its scheme,
// and nothing is trimmed.
//
// The error is an [*AuthError] if the token is refused, a [*KeysError] if the issuer's keys are
// unavailable, and wraps ctx.Err() if ctx ends first. With any error the claims are nil.
func (v *Verifier) Verify(ctx context.Context, token string) (*Claims, error) {
	return v.VerifyBound(ctx, token, bearerOnly)
}

// VerifyBound does what Verify does, and also accepts a token that is bound to a key or a
// certificate if prove returns nil. Verify refuses such a token, because a bearer token proves
// nothing about its sender.
//
// It calls prove once, after the token is known to be good and before [Config].Require is checked,
// with what the token is bound to. For a bearer token that's the zero Confirmation. An error from
// prove is returned as it is, so it should be an [*AuthError]. A token that is bound in a way we
// don't know is refused without asking.
func (v *Verifier) VerifyBound(
	ctx context.Context, token string, prove func(Confirmation) error,
) (*Claims, error) {
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
	return admit(claims, prove)
}

// verify makes every check that depends only on the token, the keys and the clock. It then
// remembers the token.
func (v *Verifier) verify(ctx context.Context, raw string) (*Claims, error) {
	b := jws.NewBuffer()
	defer b.Release()
	t, refusal := parseToken(raw, v.config.MaxTokenBytes, b)
	if refusal != nil {
		return nil, refusal
	}
	claims, key, err := v.judge(ctx, &t)
	if err != nil {
		return nil, err
	}
	return v.remember(raw, claims, t.keyName(), key), nil
}

// judge verifies a parsed token, and returns its claims and the key that signed it.
func (v *Verifier) judge(ctx context.Context, parsed *token) (*Claims, *jws.Key, error) {
	t := &trial{token: *parsed}
	if refusal := v.checkHeader(parsed); refusal != nil {
		return nil, nil, refusal
	}
	key, err := v.findKey(ctx, t)
	if err != nil {
		return nil, nil, err
	}
	claims, refusal := v.readClaims(t)
	if refusal != nil {
		return nil, nil, refusal
	}
	v.verified.Add(1)
	return claims, key, nil
}

// A trial is a token that a verifier judges, with the claims once they're read.
type trial struct {
	token

	claims *Claims
}

// judgeLimited does what judge does for a token that was parsed with the limit of several verifiers.
func (v *Verifier) judgeLimited(ctx context.Context, raw string, t *token) (*Claims, *jws.Key, error) {
	if refusal := checkLength(raw, v.config.MaxTokenBytes); refusal != nil {
		return nil, nil, refusal
	}
	return v.judge(ctx, t)
}

// checkHeader runs before the key lookup: an attacker who chooses alg and kid must not be able to
// choose what we fetch.
func (v *Verifier) checkHeader(t *token) *AuthError {
	for _, name := range t.hints {
		if !slices.Contains(v.config.IgnoreHeaders, name) {
			return forbiddenHeader("its header has %s; Config.IgnoreHeaders can list it, to be read over", name)
		}
	}
	switch {
	case !v.allows(t):
		return disallowedAlg().because(
			"%s; Config.Algorithms allows %s", describeAlg(t.alg), strings.Join(v.config.Algorithms, ", "))
	case v.forEvents:
		if refusal := v.checkEventType(t); refusal != nil {
			return refusal
		}
	case v.config.RFC9068 && !t.hasType("at+jwt"):
		return notAccessToken("its typ is not at+jwt, as Config.RFC9068 requires")
	case v.config.Types != nil && !slices.ContainsFunc(v.config.Types, t.hasType):
		return notAccessToken("its typ is absent, or none of Config.Types, " + describeList(v.config.Types))
	case v.config.Types == nil && !t.isAccessToken():
		return notAccessToken("its typ is neither JWT nor at+jwt: send the access token")
	}
	switch {
	case t.hasKid && t.kid == "":
		return refuse(CodeMissingKid, "the token header has no valid kid").because("its kid is empty or not a string")
	case len(t.kid) > maxKeyNameBytes, len(t.x5t) > maxKeyNameBytes:
		return refuse(CodeMalformedToken, "the kid is too long").because(
			"its kid or x5t is longer than %d bytes", maxKeyNameBytes)
	}
	return nil
}

// checkEventType refuses an event of another type. An event without typ is taken for a plain JWT
// (RFC 7519, section 5.1).
func (v *Verifier) checkEventType(t *token) *AuthError {
	isPlain := func(typ string) bool { return (&token{typ: typ}).hasType("jwt") }
	switch {
	case t.typ == "" && slices.ContainsFunc(v.config.Types, isPlain):
	case !slices.ContainsFunc(v.config.Types, t.hasType):
		return refuse(CodeInvalidToken, "the token is not an event of the expected type").because(
			"its typ is absent, or none of Config.Types, %s", describeList(v.config.Types))
	}
	return nil
}

// allows reports whether the token's algorithm is configured. EdDSA and Ed25519 allow each other,
// if the signature has Ed25519's length.
func (v *Verifier) allows(t *token) bool {
	return slices.ContainsFunc(v.config.Algorithms, func(alg string) bool {
		return alg == t.alg || jws.Canonical(alg) == jws.Canonical(t.alg) && len(t.signature) == ed25519.SignatureSize
	})
}

// findKey returns the key that signed the token. If the current set lacks the key, or the
// signature doesn't match, the issuer may have new keys, so findKey may look again. If there are
// no keys at all, it fetches them for any token, because a refusal can be explained only with
// keys.
func (v *Verifier) findKey(ctx context.Context, t *trial) (*jws.Key, error) {
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

// worthFetching refuses a token that no key could make good, so nothing is fetched for it. Its
// unverified claims are used only to refuse it, and the cause names none.
func (v *Verifier) worthFetching(t *trial) (issuedAt time.Time, refusal *AuthError) {
	claims, refusal := v.readClaims(t)
	if refusal != nil {
		return time.Time{}, refusal.because("%s", describeUnchecked(refusal.Code))
	}
	return claims.IssuedAt(), nil
}

// readClaims reads and checks a token's claims, without looking at the signature. They're read once,
// and checked each time, since a fetch takes a while.
func (v *Verifier) readClaims(t *trial) (*Claims, *AuthError) {
	if t.claims == nil {
		claims, refusal := v.claims.read(t.payload, t.members)
		if refusal != nil {
			return nil, refusal
		}
		claims.data.neverExpires = v.forEvents && !claims.data.hasExpiry
		t.claims = claims
	}
	if refusal := v.checkClaims(t.claims, time.Now()); refusal != nil {
		return nil, refusal
	}
	return t.claims, nil
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
		return refuse(CodeInvalidAudience, "the token is for another audience").because(
			"%s", describeAudience(c.audience, v.config.Audiences))
	}
	if refusal := checkTimes(claims, now); refusal != nil {
		return refusal
	}
	if v.config.MaxLifetime > 0 && !v.isShortLived(claims, now) {
		return refuse(CodeInvalidToken, "the token lives too long").because(
			"exp is more than Config.MaxLifetime, %v, after iat or from now", v.config.MaxLifetime)
	}
	switch {
	// Whatever else confirms a token may not be ignored (RFC 7800, section 3.1).
	case c.isBound && c.confirmation.IsZero():
		return boundToUnknown()
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
	case claims.Expiry().IsZero() && !c.neverExpires:
		return missing("the token has no exp", "exp is absent: have the issuer let its tokens expire")
	case c.audience == nil && len(v.config.ClientIDs) == 0:
		return missing("the token has no aud", "aud is absent: have the issuer name this service, "+
			"or list the client in Config.ClientIDs")
	case c.audience == nil && claims.ClientID() == "":
		return missing("the token has neither aud nor client_id", "aud, client_id and azp are absent; "+
			"Config.ClientIDs needs one of the latter two")
	}
	if v.config.MaxLifetime > 0 && claims.IssuedAt().IsZero() {
		return missing("the token has no iat", "iat is absent, and Config.MaxLifetime counts from it")
	}
	if v.config.RFC9068 && (c.audience == nil || c.subject == "" || c.clientID == "" ||
		c.id == "" || claims.IssuedAt().IsZero()) {
		return missing("the token lacks a claim that RFC 9068 requires",
			"Config.RFC9068 requires aud, sub, client_id, jti and iat")
	}
	return nil
}

// isShortLived also counts from now, since an iat in the future would hide a long life.
func (v *Verifier) isShortLived(claims *Claims, now time.Time) bool {
	return claims.Expiry().Sub(claims.IssuedAt()) <= v.config.MaxLifetime &&
		claims.Expiry().Add(-v.claims.leeway).Sub(now) <= v.config.MaxLifetime
}

func anotherIssuer() *AuthError {
	return refuse(CodeInvalidIssuer, "the token is from another issuer")
}

// isAudience reports whether the token is meant for this service. Only a token without aud is
// judged by its client.
func (v *Verifier) isAudience(claims *Claims) bool {
	if claims.get().audience == nil {
		return slices.Contains(v.config.ClientIDs, claims.ClientID())
	}
	return slices.ContainsFunc(claims.get().audience, func(audience string) bool {
		return slices.Contains(v.config.Audiences, audience)
	})
}

// admit makes the checks that depend on the call: whether it proves what the token is bound to, and
// then its verifier's [Config].Require.
func admit(claims *Claims, prove func(Confirmation) error) (*Claims, error) {
	if err := prove(claims.Confirmation()); err != nil {
		return nil, err
	}
	if c := claims.get(); c.hasBaseline || c == &noClaims {
		if err := (Requirement{}).Check(claims); err != nil {
			return nil, err
		}
	}
	return claims, nil
}

// Judges reports whether a token has the form of a compact JWS and names this verifier's issuer.
// It doesn't say that the token is good: iss is read, but nothing is checked. Use it to choose
// between verifiers, and then call Verify.
func (v *Verifier) Judges(token string) bool {
	return v.cache.Get(token) != nil || names(token, func(issuer string) bool { return issuer == v.config.Issuer })
}

// Ready returns nil if the issuer's keys are available, fetching them if necessary. Otherwise the
// error is a [*KeysError] or wraps ctx.Err(). Use it at start-up and in readiness probes; Verify
// works without it.
func (v *Verifier) Ready(ctx context.Context) error {
	return v.keys.ready(ctx)
}

// MaxTokenBytes returns [Config].MaxTokenBytes, with which an interceptor.Authenticator limits
// credentials.
func (v *Verifier) MaxTokenBytes() int { return v.config.MaxTokenBytes }

// Status returns a slice with one element, the state of the issuer's keys, and fetches nothing.
func (v *Verifier) Status() []Status {
	return []Status{v.status()}
}

func (v *Verifier) status() Status {
	status := v.keys.status()
	status.Verified = v.verified.Load()
	return status
}
