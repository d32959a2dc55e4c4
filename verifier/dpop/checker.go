package dpop

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/oidcrpc/oidcrpc/internal/jws"
	"github.com/oidcrpc/oidcrpc/internal/tokencache"
	"github.com/oidcrpc/oidcrpc/verifier"
)

// A Checker accepts or refuses proofs, as its [Config] says. Make one with [New] and keep it for
// the life of the process. It is safe for concurrent use and has nothing to close.
type Checker struct {
	config  Config
	origins origins
	clock   *clock
	nonces  nonceKeys
	memory  *memory // nil with Config.Replays
	keys    *tokencache.Cache[provenKey]
}

// A provenKey has made a proof before. A client uses the same one for all its proofs, and decoding
// it again would cost as much as everything else but the signature.
type provenKey struct {
	key        *jws.Key
	thumbprint string
}

const (
	maxKeys     = 4096 // proven keys that are remembered
	maxKeyBytes = 2048 // in a JWK as text
)

// New returns a Checker, or an error that names the invalid field. It keeps a copy of config.
func New(config Config) (*Checker, error) {
	config = config.withDefaults()
	if err := config.validate(); err != nil {
		return nil, fmt.Errorf("dpop: %w", err)
	}
	origins, err := newOrigins(config.Origins)
	if err != nil {
		return nil, fmt.Errorf("dpop: %w", err)
	}
	leeway := max(0, config.Leeway)
	c := &Checker{
		config:  config,
		origins: origins,
		clock:   newClock(leeway, config.Replays != nil),
		nonces:  newNonceKeys(config.NonceKeys),
		keys:    tokencache.New[provenKey](maxKeys, maxKeyBytes),
	}
	c.config.Leeway = leeway
	if config.Replays == nil {
		c.memory = newMemory(config.MaxProofs, config.MaxAge+leeway)
	}
	return c, nil
}

// A Request is a call as its proof must describe it.
type Request struct {
	Proofs []string // all values in the dpop field, neither joined nor split
	Method string   // the HTTP method: POST for gRPC
	Path   string   // escaped, as it follows one of Config.Origins: "/package.Service/Method"
	Token  string   // the access token, without its scheme
}

// A Proof is one that has been read, and describes its request. It counts only after
// [Proof.Check].
type Proof struct {
	checker   *Checker
	content   content
	until     time.Time // when its time is over
	nonce     nonce
	hasNonce  bool
	wantsNext bool // the nonce is to be replaced
}

// Read reads the proof in a request and makes every check that needs neither a key nor memory. It
// costs little, so it comes before the token is verified.
//
// The error is an [*verifier.AuthError] with [verifier.CodeInvalidDPoPProof] or
// [verifier.CodeUseDPoPNonce]. With the latter, send the caller a [Checker.Nonce].
func (c *Checker) Read(r Request) (*Proof, error) {
	content, refusal := parse(r.Proofs)
	if refusal != nil {
		return nil, refusal
	}
	if refusal := c.checkContent(&content, r); refusal != nil {
		return nil, refusal
	}
	p := &Proof{checker: c, content: content}
	now, era := c.clock.now()
	if refusal := p.setTime(now); refusal != nil {
		return nil, refusal
	}
	if refusal := p.checkTime(now, era); refusal != nil {
		return nil, refusal
	}
	return p, nil
}

// checkContent follows RFC 9449, section 4.3, except for the time.
func (c *Checker) checkContent(p *content, r Request) *verifier.AuthError {
	another := func(cause string) *verifier.AuthError {
		return invalid("the DPoP proof is for another call", errors.New(cause))
	}
	switch {
	case p.typ != proofType:
		return malformed(errors.New("its typ is not " + proofType))
	case !c.allows(p.alg):
		return invalid("the DPoP proof's algorithm is not allowed",
			fmt.Errorf("Config.Algorithms allows %s", strings.Join(c.config.Algorithms, ", ")))
	case p.jwk == "":
		return malformed(errors.New("its header has no jwk"))
	case p.jti == "" || len(p.jti) > maxJTIBytes:
		return malformed(fmt.Errorf("its jti is absent, not a string, or longer than %d bytes", maxJTIBytes))
	case p.issuedAt.IsZero():
		return malformed(errors.New("its iat is absent, or not a positive number"))
	case p.htm != r.Method:
		return another("its htm is absent, or another method")
	case !c.origins.match(p.htu, r.Path):
		return another("its htu is absent, or none of Config.Origins followed by the procedure: " +
			"which URL do clients use?")
	case p.ath != hashOf(r.Token):
		return another("its ath is absent, or another token's hash")
	}
	return nil
}

// allows reports whether an algorithm is configured. EdDSA and Ed25519 are the same (RFC 9864).
func (c *Checker) allows(alg string) bool {
	return slices.ContainsFunc(c.config.Algorithms, func(allowed string) bool {
		return jws.Canonical(allowed) == jws.Canonical(alg)
	})
}

// setTime finds out when the proof was made: by its nonce, or else by its iat (RFC 9449, section
// 4.3, point 11, and section 11.1).
func (p *Proof) setTime(now time.Time) *verifier.AuthError {
	config := &p.checker.config
	if !p.content.hasNonce {
		if config.RequireNonce {
			return useNonce("Config.RequireNonce is set, and the proof has no nonce")
		}
		p.until = p.content.issuedAt.Add(config.MaxAge)
		if ahead := p.content.issuedAt.Sub(now); ahead > config.Leeway {
			return useNonce("its iat is %v ahead, and Config.Leeway is %v: do the clocks differ?", ahead, config.Leeway)
		}
		return nil
	}
	p.nonce, p.hasNonce = p.checker.nonces.read(p.content.nonce)
	if !p.hasNonce {
		return useNonce("none of Config.NonceKeys made its nonce: do the replicas share them?")
	}
	if ahead := p.nonce.madeAt.Sub(now); ahead > config.Leeway {
		return useNonce("its nonce was made %v from now: do the replicas' clocks differ?", ahead)
	}
	p.until = p.nonce.madeAt.Add(config.NonceMaxAge)
	p.wantsNext = now.Sub(p.nonce.madeAt) >= config.NonceMaxAge/2
	return nil
}

// checkTime refuses a proof whose time is over, and one that may have been accepted before and
// forgotten.
func (p *Proof) checkTime(now time.Time, e era) *verifier.AuthError {
	made := p.content.issuedAt
	if p.hasNonce {
		made = p.nonce.madeAt
	}
	switch {
	case !now.Before(p.until):
		return useNonce("it was made %v ago, by its iat or its nonce: see Config.MaxAge and NonceMaxAge",
			now.Sub(made).Round(time.Second))
	case p.hasNonce && p.nonce.era == e.id:
		return nil
	case !made.After(e.doubtUntil):
		return useNonce("the process was started, or its clock set back, after the proof was made")
	}
	return nil
}

func useNonce(format string, args ...any) *verifier.AuthError {
	return &verifier.AuthError{
		Code:    verifier.CodeUseDPoPNonce,
		Message: "the DPoP proof needs the nonce in DPoP-Nonce",
		Err:     fmt.Errorf(format, args...),
	}
}

// Check makes the remaining checks, and then remembers the proof so that it can't be used again.
// Call it once the token has passed all others, with the thumbprint the token is bound to: the jkt
// in its cnf (RFC 9449, section 6.1).
//
// The error is an [*verifier.AuthError], or a [*verifier.KeysError] if no more proofs can be
// remembered, or wraps ctx.Err() if ctx ends first.
func (p *Proof) Check(ctx context.Context, thumbprint string) error {
	if err := p.CheckKey(thumbprint); err != nil {
		return err
	}
	now, era := p.checker.clock.now() // verifying the token may have taken a while
	if refusal := p.checkTime(now, era); refusal != nil {
		return refusal
	}
	id := newProofID(thumbprint, p.content.jti)
	if p.checker.memory == nil {
		return p.addShared(ctx, id)
	}
	err := p.checker.memory.add(now, era, id, thumbprint, p.until)
	full, isFull := errors.AsType[*fullError](err)
	switch {
	case err == nil:
		return nil
	case isFull:
		return &verifier.KeysError{Code: verifier.CodeReplaysFull, RetryAfter: full.retryAfter, Err: full}
	case errors.Is(err, errSeen):
		return replayed()
	default:
		return useNonce("%w", err)
	}
}

// CheckKey makes only the checks for which nothing need be remembered, for code that runs ahead of
// Check. The error is an [*verifier.AuthError].
func (p *Proof) CheckKey(thumbprint string) error {
	known := p.checker.keys.Get(p.content.jwk)
	var k provenKey
	if known != nil {
		k = known.Value
	} else {
		jwk := jws.ReadJWK(p.content.jwk)
		key, err := jwk.Key()
		if err != nil {
			return malformed(fmt.Errorf("its jwk is no public key to use: %w", err))
		}
		k = provenKey{key, key.Thumbprint()}
	}
	// Comparing keys is cheaper than checking a signature.
	switch {
	case subtle.ConstantTimeCompare([]byte(k.thumbprint), []byte(thumbprint)) != 1 || thumbprint == "":
		return &verifier.AuthError{
			Code:    verifier.CodeInvalidToken,
			Message: "the token is not bound to the DPoP proof's key",
			Err:     errors.New("the proof's key is not the one in the token's cnf"),
		}
	case !k.key.Verify(p.content.alg, p.content.signed, p.content.signature):
		return invalid("the DPoP proof's signature is not valid", errors.New("its jwk did not make its signature"))
	}
	if known == nil {
		p.checker.keys.Add(p.content.jwk, k, int64(len(p.content.jwk)))
	}
	return nil
}

// retryReplays is when a caller should try again whose proof couldn't be remembered elsewhere.
const retryReplays = time.Second

// addShared remembers the proof in Config.Replays, also for replicas whose clocks are behind.
func (p *Proof) addShared(ctx context.Context, id proofID) error {
	until := p.until.Add(setBack + p.checker.config.Leeway)
	added, err := p.checker.config.Replays.Add(ctx, jws.Encoding.EncodeToString(id[:]), until)
	switch {
	case err != nil && ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return &verifier.KeysError{
			Code:       verifier.CodeReplaysFailed,
			RetryAfter: retryReplays,
			Err:        fmt.Errorf("Config.Replays: %w", err),
		}
	case !added:
		return replayed()
	}
	return nil
}

func replayed() *verifier.AuthError {
	return invalid("the DPoP proof was used before", errSeen)
}

// NextNonce returns a nonce for the response to the proof's call, if the proof's own will soon
// expire. Otherwise, and for a proof without a nonce, it returns "". A response that carries it
// must not be cached.
func (p *Proof) NextNonce() string {
	if !p.wantsNext {
		return ""
	}
	return p.checker.Nonce()
}

// Nonce returns a new nonce for the DPoP-Nonce field (RFC 9449, section 8.1). It isn't stored.
func (c *Checker) Nonce() string {
	now, era := c.clock.now()
	return c.nonces.write(nonce{madeAt: now, era: era.id})
}

// Algorithms returns what a challenge's algs lists (RFC 9449, section 7.1).
func (c *Checker) Algorithms() []string { return slices.Clone(c.config.Algorithms) }
