package refresh

import (
	"errors"
	"math/rand/v2"
	"time"
)

// Back-off after failed fetches: 250 ms at first, doubled after each failure, up to a maximum
// that grows with the outage. The real wait is between half and all of this, at random. It counts
// from the fetch's start, so a fetch that hangs until its deadline adds no extra delay. The next
// fetch starts at least 125 ms after the last one ended.
const (
	minBackoff   = 250 * time.Millisecond
	youngBackoff = 4500 * time.Millisecond // maximum in an outage's first minute
	olderBackoff = 10 * time.Second        // maximum in its first ten minutes
	maxBackoff   = time.Minute
)

// An Unavailable error means a Source has no version for a call.
type Unavailable struct {
	RetryAfter time.Duration // how long until trying again can help; always positive
	Err        error         // the failure of the last fetch, [ErrBudget], [ErrWaiting] or [ErrSlow]
}

// Error returns the cause's text.
func (e *Unavailable) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *Unavailable) Unwrap() error { return e.Err }

// Errors wrapped in an [Unavailable] when a Source starts no fetch for a call, or refuses to let
// the call wait.
var (
	ErrBudget  = errors.New("the budget for such fetches is spent")
	ErrWaiting = errors.New("too many calls wait already")
	ErrSlow    = errors.New("the call has waited long enough")
)

// An outage is a series of consecutive failed fetches.
type outage struct {
	maxWait time.Duration // see Config.MaxBackoff

	failures int       // 0 when there's no outage
	since    moment    // the first failure
	retryAt  moment    // no fetch starts before this
	latest   time.Time // the last failure, kept after the outage ends
	err      error     // the last failure's error
}

// blocks reports whether it is too early for another fetch.
func (o *outage) blocks(now time.Time) bool { return !o.retryAt.hasCome(now) }

// isCurrent reports whether the owner counts as down for a version due at the given time. It's
// down if the back-off has kept a due fetch from starting, unless the next fetch is overdue by a
// whole TTL. In that case no calls came, and nothing is known.
func (o *outage) isCurrent(due moment, ttl time.Duration, now time.Time) bool {
	return o.failures > 0 && due.hasCome(time.Time(o.retryAt)) && !o.retryAt.add(ttl).hasCome(now)
}

func (o *outage) error(now time.Time) *Unavailable {
	return &Unavailable{RetryAfter: max(time.Time(o.retryAt).Sub(now), time.Millisecond), Err: o.err}
}

func (o *outage) extend(started, now time.Time, err error) {
	if o.failures == 0 {
		o.since = moment(now)
	}
	bound := o.bound(now)
	wait := bound
	if o.failures < 16 {
		wait = min(bound, minBackoff<<o.failures)
	}
	if o.maxWait > 0 {
		wait = min(wait, o.maxWait)
	}
	retryAt := later(now.Add(minBackoff/2), started.Add(wait/2+rand.N(wait/2)))
	if asked, ok := errors.AsType[interface {
		error
		RetryAfter() time.Duration
	}](err); ok {
		retryAt = later(retryAt, now.Add(min(asked.RetryAfter(), bound)))
	}
	o.failures++
	o.latest = now
	o.err = err
	o.retryAt = moment(retryAt)
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

func (o *outage) bound(now time.Time) time.Duration {
	switch {
	case !o.since.add(time.Minute).hasCome(now):
		return youngBackoff
	case !o.since.add(10 * time.Minute).hasCome(now):
		return olderBackoff
	default:
		return maxBackoff
	}
}

func (o *outage) end() { o.failures, o.retryAt = 0, moment{} }
