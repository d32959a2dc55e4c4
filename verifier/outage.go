package verifier

import (
	"math/rand/v2"
	"time"
)

// How long a failed fetch keeps the next one away: doubling, with jitter, to one
// bound while an outage is young and to another when it is not.
const (
	minBackoff      = 250 * time.Millisecond
	youngBackoff    = 5 * time.Second
	maxBackoff      = 60 * time.Second
	youngOutageSpan = time.Minute
)

// An outage is a run of failed fetches.
type outage struct {
	failures       int // in a row; 0: there is no outage
	since, retryAt time.Time
	latest         time.Time  // when the latest failed, even if it is over
	err            *KeysError // of the latest, even if it is over
}

func (o *outage) lastsAt(now time.Time) bool { return now.Before(o.retryAt) }

// isNews reports whether the issuer has to be taken for out: it was so at the latest
// fetch, that fetch was due, and it is not for want of calls that there was no other.
func (o *outage) isNews(due, now time.Time, ttl time.Duration) bool {
	return o.failures > 0 && !o.latest.Before(due) && now.Before(o.retryAt.Add(ttl))
}

func (o *outage) error(now time.Time) *KeysError {
	return &KeysError{Code: o.err.Code, RetryAfter: o.retryAt.Sub(now), Err: o.err.Err}
}

func (o *outage) extend(now time.Time, err *KeysError) {
	if o.failures == 0 {
		o.since = now
	}
	limit := youngBackoff
	if now.Sub(o.since) >= youngOutageSpan {
		limit = maxBackoff
	}
	backoff := limit
	if o.failures < 16 {
		backoff = min(limit, minBackoff<<o.failures)
	}
	o.failures++
	o.latest = now
	o.err = err
	o.retryAt = now.Add(backoff/2 + rand.N(backoff/2))
}

func (o *outage) end() { o.failures, o.retryAt = 0, time.Time{} }
