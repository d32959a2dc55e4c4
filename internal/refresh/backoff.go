package refresh

import (
	"errors"
	"math/rand/v2"
	"time"
)

// How long a failed fetch keeps the next one away. The wait doubles, with jitter, up to a
// bound that grows with the outage. It counts from the start of the fetch, so that one that
// hangs until its deadline doesn't put off the next even longer.
const (
	minBackoff   = 250 * time.Millisecond
	youngBackoff = 4500 * time.Millisecond // in the first minute
	olderBackoff = 10 * time.Second        // in the first ten
	maxBackoff   = time.Minute
)

// An Unavailable error says that a Source has no version for a call.
type Unavailable struct {
	RetryAfter time.Duration // when trying again can help; always positive
	Err        error         // the failure of the last fetch, [ErrBudget] or [ErrWaiting]
}

// Error returns the cause's text.
func (e *Unavailable) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *Unavailable) Unwrap() error { return e.Err }

// Why a Source starts no fetch for a call, or lets it wait for none.
var (
	ErrBudget  = errors.New("the budget for such fetches is spent")
	ErrWaiting = errors.New("too many calls wait already")
)

// An outage is a run of failed fetches.
type outage struct {
	failures int       // in a row; 0: there is no outage
	since    moment    // the first of them
	retryAt  moment    // no fetch starts before
	latest   time.Time // the last failure, even if the outage is over
	err      error     // its error
}

// blocks reports whether it's too early for another fetch.
func (o *outage) blocks(now time.Time) bool { return !o.retryAt.hasCome(now) }

// isCurrent reports whether the owner counts as down for a version that was due at that
// time. It does if a failure kept the fetch away that was due, and if the next one isn't
// overdue by a whole time to live, which would only mean that no call came.
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
