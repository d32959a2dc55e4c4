package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// How the soak's verifier differs from the default: keys die within a long outage.
const (
	soakMaxStale = 20 * time.Second
	soakLeeway   = time.Second
)

const (
	// recovery is how long after a fault the verifier may still be without news.
	recovery = healsLateIn + fetchTimeout

	// hidden is how long made-up keys may hide a new one.
	hidden = 10*time.Second + fetchTimeout

	// doubt is how much later than it happened a fetch may have been noted.
	doubt = 250 * time.Millisecond
)

// An oracle knows what has happened to the issuer, and so which answers are right.
type oracle struct {
	mu      sync.Mutex
	keys    []*signer
	faults  []span
	fetches []span // the good ones
}

// A signer is one of the issuer's keys.
type signer struct {
	*verifiertest.Issuer

	number    int
	published time.Time // no later than that
	leaving   time.Time // not withdrawn before, zero: not yet
	gone      time.Time // withdrawn by then, zero: not yet
}

// A span is from began to ended, which is zero until then.
type span struct{ began, ended time.Time }

// A kind is what's wrong with a token.
type kind struct {
	name  string
	codes []verifier.Code // any of them may refuse it; none: it's good
}

var (
	good     = kind{name: "good"}
	expired  = kind{"expired", []verifier.Code{verifier.CodeTokenExpired}}
	forged   = kind{"forged", []verifier.Code{verifier.CodeInvalidToken}}
	foreign  = kind{"of another audience", []verifier.Code{verifier.CodeInvalidAudience}}
	imported = kind{"of another issuer", []verifier.Code{verifier.CodeInvalidToken, verifier.CodeInvalidIssuer}}
	madeUp   = kind{"of a made-up key", []verifier.Code{verifier.CodeKeyNotFound}}
)

// A call is over when it gets here.
type call struct {
	kind         kind
	key          *signer // that the token names; nil: one that never was
	began, ended time.Time
	cancelled    time.Time // zero: never
	err          error
}

// judge returns what's wrong with the answer to a call, or "".
func (o *oracle) judge(c call) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if took := c.ended.Sub(c.began); took > fetchTimeout+noise {
		return "a call took " + seconds(took)
	}
	if !c.cancelled.IsZero() && c.ended.Sub(c.cancelled) > noise {
		return "a call ended " + seconds(c.ended.Sub(c.cancelled)) + " after its context"
	}
	if !c.cancelled.IsZero() && errors.Is(c.err, context.DeadlineExceeded) && verifier.CodeOf(c.err) == "" {
		return ""
	}
	failure, isUnavailable := errors.AsType[*verifier.KeysError](c.err)
	refusal, isRefused := errors.AsType[*verifier.AuthError](c.err)
	switch {
	case c.err == nil:
		return o.judgeAccepted(c)
	case isUnavailable && failure.RetryAfter <= 0:
		return "Unavailable without a time to try again"
	case isUnavailable:
		return o.judgeUnavailable(c)
	case isRefused:
		return o.judgeRefused(c, refusal.Code)
	default:
		return fmt.Sprintf("a token %s got neither verdict: %v", c.kind.name, c.err)
	}
}

func (o *oracle) judgeAccepted(c call) string {
	if len(c.kind.codes) > 0 {
		return "a token was accepted that is " + c.kind.name
	}
	if c.key.gone.IsZero() {
		return ""
	}
	if age := c.began.Sub(c.key.gone); age > keysTTL+soakMaxStale+fetchTimeout {
		return "a key was used " + seconds(age) + " after it was withdrawn"
	}
	latest, ok := o.latestFetch(c.began)
	if ok && latest.began.Sub(c.key.gone) > doubt {
		return "a key was used after a fetch that can't have had it"
	}
	return ""
}

func (o *oracle) judgeUnavailable(c call) string {
	switch {
	case c.key == nil, !c.key.leaving.IsZero() && c.key.leaving.Before(c.ended):
		return ""
	case o.isKnown(c):
		return fmt.Sprintf("a token %s of a known key was not judged: %v", c.kind.name, c.err)
	case len(c.kind.codes) > 0, o.isOut(c), c.ended.Sub(c.key.published) < hidden:
		return ""
	default:
		return fmt.Sprintf("a good token was not judged %s after its key was published: %v",
			seconds(c.ended.Sub(c.key.published)), c.err)
	}
}

func (o *oracle) judgeRefused(c call, code verifier.Code) string {
	switch {
	case slices.Contains(c.kind.codes, code):
		return ""
	case code != verifier.CodeKeyNotFound:
		return fmt.Sprintf("a token %s was refused with code %s", c.kind.name, code)
	case c.key == nil, !c.key.leaving.IsZero() && c.key.leaving.Before(c.ended):
		return ""
	case len(c.kind.codes) > 0 && !o.isKnown(c):
		return ""
	default:
		return fmt.Sprintf("a token %s was refused with code %s, though its key is published", c.kind.name, code)
	}
}

// isKnown reports whether the verifier had the token's key for the whole call.
func (o *oracle) isKnown(c call) bool {
	latest, ok := o.latestFetch(c.began)
	return ok && latest.began.Sub(c.key.published) > doubt && c.ended.Sub(latest.ended) < keysTTL+soakMaxStale-doubt
}

// latestFetch returns the latest good one to have ended at a moment.
func (o *oracle) latestFetch(at time.Time) (latest span, ok bool) {
	for _, fetch := range slices.Backward(o.fetches) {
		if fetch.ended.Before(at) {
			return fetch, true
		}
	}
	return span{}, false
}

// isOut reports whether there was a fault during a call or not long before.
func (o *oracle) isOut(c call) bool {
	return slices.ContainsFunc(o.faults, func(f span) bool {
		return f.began.Before(c.ended) && (f.ended.IsZero() || c.began.Sub(f.ended) < recovery)
	})
}

func (o *oracle) noteFetch(event verifier.FetchEvent) {
	if event.Outcome == verifier.FetchFailed {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	o.fetches = append(o.fetches, span{now.Add(-event.Duration), now})
}

// fault notes the beginning. The function it returns notes the end.
func (o *oracle) fault() (end func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := len(o.faults)
	o.faults = append(o.faults, span{began: time.Now()})
	return func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.faults[n].ended = time.Now()
	}
}

func (o *oracle) publish(key *verifiertest.Issuer) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.keys = append(o.keys, &signer{Issuer: key, number: len(o.keys), published: time.Now()})
}

// leave notes the withdrawal, about to begin, of all keys but the newest. The function it
// returns notes the end.
func (o *oracle) leave() (gone func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var leaving []*signer
	for _, key := range o.keys[:len(o.keys)-1] {
		if key.leaving.IsZero() {
			key.leaving = time.Now()
			leaving = append(leaving, key)
		}
	}
	return func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		for _, key := range leaving {
			key.gone = time.Now()
		}
	}
}

func (o *oracle) isLeaving(key *signer) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return !key.leaving.IsZero()
}

// key returns one: the newest for 0, the one before it for 1, and so on.
func (o *oracle) key(age int) *signer {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.keys[max(0, len(o.keys)-1-age)]
}
