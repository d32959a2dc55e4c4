package introspection

import (
	"math/rand/v2"
	"time"

	"github.com/oidcrpc/oidcrpc/internal/refresh"
	"github.com/oidcrpc/oidcrpc/internal/tokencache"
	"github.com/oidcrpc/oidcrpc/verifier"
)

const (
	refusalTTL     = 10 * time.Second // how long a refused token isn't asked about again
	maxRefusals    = 1024
	entryOverhead  = 1024 // bytes per token besides its texts
	earliestRenew  = 0.50 // the part of an answer's time after which it's renewed
	latestRenew    = 0.80 // a stream then looks twice before the time is over: see [streamLook]
	copiesOfAnswer = 2    // the text, and what was read from it
)

// A memory holds what was found out about tokens. Refused tokens stand apart, so made-up
// ones push nothing out.
type memory struct {
	ttl      time.Duration
	accepted *tokencache.Cache[acceptance]
	refused  *tokencache.Cache[refusal]
}

func newMemory(c Config) *memory {
	return &memory{
		ttl:      c.CacheTTL,
		accepted: tokencache.New[acceptance](c.TokenCacheSize, c.MaxTokenBytes),
		refused:  tokencache.New[refusal](maxRefusals, c.MaxTokenBytes),
	}
}

// An acceptance is an accepted token's claims. After it's over, the token is still known.
type acceptance struct {
	claims     *verifier.Claims
	due, until time.Time // renewed after due, used before until
}

func (a *acceptance) isDue(now time.Time) bool { return refresh.HasCome(a.due, now) }
func (a *acceptance) isOver(now time.Time) bool {
	return refresh.HasCome(a.until, now) || a.claims.IsZero() // a caller may have overwritten them
}

// A refusal is an error, and how long it is repeated.
type refusal struct {
	err   error
	until time.Time
}

// known returns the acceptance of a token, over or not, or nil.
func (m *memory) known(token string) *acceptance {
	if e := m.accepted.Get(token); e != nil {
		return &e.Value
	}
	return nil
}

// recall returns a verdict that still holds.
func (m *memory) recall(token string, now time.Time) (verdict, bool) {
	if a := m.known(token); a != nil && !a.isOver(now) {
		return verdict{claims: a.claims}, true
	}
	if e := m.refused.Get(token); e != nil && !refresh.HasCome(e.Value.until, now) {
		return verdict{err: e.Value.err}, true
	}
	return verdict{}, false
}

// revokedBy returns the claims of a token that the answer calls inactive, if it was active and
// hasn't expired.
func (m *memory) revokedBy(token string, answer verdict) *verifier.Claims {
	a := m.known(token)
	if !answer.isInactive || a == nil || a.claims.IsZero() || !time.Now().Before(a.claims.ValidUntil()) {
		return nil
	}
	return a.claims
}

// keep remembers what came of a question. It reports whether the budget gets the question back,
// which it doesn't for a token from a stranger that isn't good.
func (m *memory) keep(r refresh.Result[verdict]) (refund bool) {
	switch {
	case r.Err != nil:
		m.fail(r.Key, keysError(r.Err), time.Now())
		return r.IsKnown
	case r.Value.claims == nil:
		m.refuse(r.Key, r.Value.err, r.Asked)
		return r.IsKnown
	default:
		m.accept(r.Key, r.Value, r.Asked)
		return true
	}
}

// accept remembers claims that the authorization server vouched for when it was asked.
func (m *memory) accept(token string, v verdict, asked time.Time) {
	life := m.ttl
	if expiry := v.claims.Expiry(); !expiry.IsZero() {
		life = min(life, expiry.Sub(asked))
	}
	part := earliestRenew + (latestRenew-earliestRenew)*rand.Float64()
	m.accepted.Add(token, acceptance{
		claims: v.claims,
		due:    asked.Add(time.Duration(part * float64(life))),
		until:  asked.Add(life),
	}, int64(len(token)+copiesOfAnswer*v.bytes+entryOverhead))
}

// refuse remembers why a token isn't accepted, and forgets its acceptance.
func (m *memory) refuse(token string, err error, asked time.Time) {
	if e := m.accepted.Get(token); e != nil {
		m.accepted.Remove(e)
	}
	m.hold(token, err, asked.Add(min(refusalTTL, m.ttl)))
}

// fail remembers that a token couldn't be judged.
func (m *memory) fail(token string, err error, now time.Time) {
	m.hold(token, err, now.Add(failureTTL))
}

func (m *memory) hold(token string, err error, until time.Time) {
	m.refused.Add(token, refusal{err, until}, int64(len(token)+entryOverhead))
}
