package verifier

import (
	"context"
	"fmt"
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
	tokens           tokenCache
}

// New returns a Verifier, or an error that names the field of config which is
// wrong. It keeps a copy of config, starts no goroutine and contacts nobody: an
// issuer that is down does not stop a server from starting.
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
	v.tokens = newTokenCache(config.TokenCacheSize)
	var err error
	if v.keys, err = newKeySource(config); err != nil {
		return nil, fmt.Errorf("Config.JWKS: %w", err)
	}
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
	claims := v.recall(token)
	if claims == nil {
		var err error
		if claims, err = v.verify(ctx, token); err != nil {
			return nil, err
		}
	}
	if err := (Requirement{}).Check(claims); err != nil { // the baseline, that is
		return nil, err
	}
	return claims, nil
}

// verify does all that depends on nothing but the token, the keys and the clock, and
// remembers the token.
func (v *Verifier) verify(ctx context.Context, token string) (*Claims, error) {
	buffer, _ := buffers.Get().(*[]byte)
	defer buffers.Put(buffer)
	t, refusal := parseToken(token, buffer)
	if refusal != nil {
		return nil, refusal
	}
	if refusal := v.checkHeader(&t); refusal != nil {
		return nil, refusal
	}
	key, err := v.keys.key(ctx, t.kid, t.alg)
	if err != nil {
		return nil, err
	}
	if !key.Verify(t.alg, t.signed, t.signature) {
		return nil, refuse(CodeInvalidToken, "the signature is not valid")
	}
	r := &remembered{token: token, kid: t.kid, key: key}
	if refusal := v.parseClaims(&r.claims, t.payload); refusal != nil {
		return nil, refusal
	}
	if refusal := v.checkClaims(&r.claims, time.Now()); refusal != nil {
		return nil, refusal
	}
	v.tokens.add(r)
	return &r.claims, nil
}

// Ready returns nil when the issuer's keys are at hand, fetching them if need be,
// and otherwise a [*KeysError] or ctx.Err(). It is for start-up and for probes;
// Verify does not depend on it.
func (v *Verifier) Ready(ctx context.Context) error {
	return v.keys.ready(ctx)
}
