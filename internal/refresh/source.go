// Package refresh keeps the latest version of a value that someone else owns, such as
// an issuer's keys or a tenant's configuration.
//
// With time a version goes through four states:
//
//	fresh   it's used
//	due     it's used, and one fetch in the background looks for the next
//	stale   it's used only while its owner is down
//	dead    it isn't used: a call waits for a fetch, or hears why there is none
//
// Nothing runs between fetches, and a fetch ends by itself. A call that gives up ends
// its own wait, never the fetch that others share.
package refresh

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// maxWaiting bounds the calls that wait for the fetches of one Source.
const maxWaiting = 1024

// A Reason says why a value is fetched.
type Reason string

// The reasons of a Source's own. A [Demand] brings others.
const (
	First   Reason = "first"   // there was no version
	Refresh Reason = "refresh" // the version was due, or past its time
)

// A Source keeps the latest version of one value. It is safe for concurrent use.
type Source[T any] struct {
	fetch   func(ctx context.Context, previous *Version[T], reason Reason) (T, Life, error)
	timeout time.Duration
	report  func(Event[T])

	current atomic.Pointer[Version[T]]
	started atomic.Uint64 // fetches, so far
	waiting atomic.Int64  // calls

	mu      sync.Mutex // never held during a fetch
	flight  *flight    // the fetch under way
	outage  outage
	limit   *Budget // charged for every fetch, if set
	charged int     // fetches, so far
	prepaid int     // fetches that are charged, but not made yet
}

// A Config says how a [Source] gets its versions.
type Config[T any] struct {
	// Fetch reads the value. Previous is the latest version, or nil. An error with a
	// RetryAfter() time.Duration keeps the next fetch away for that long, within
	// reason. Fetch runs with a deadline, after which it's left behind.
	Fetch func(ctx context.Context, previous *Version[T], reason Reason) (T, Life, error)

	Timeout time.Duration
	Report  func(Event[T]) // called after each fetch, with no lock held
}

// New returns a Source that has no version yet, and fetches none until it's asked.
func New[T any](config Config[T]) *Source[T] {
	return &Source[T]{fetch: config.Fetch, timeout: config.Timeout, report: config.Report}
}

// Fixed returns a Source whose only version is value, for ever.
func Fixed[T any](value T) *Source[T] {
	s := &Source[T]{}
	s.current.Store(&Version[T]{Value: value, isFixed: true})
	return s
}

// An Event is one fetch that is over.
type Event[T any] struct {
	Reason   Reason
	Duration time.Duration
	Previous *Version[T]
	Version  *Version[T] // nil: the fetch failed
	Failures int         // in a row: with this one if it failed, before it otherwise
	Err      error
}

// Current returns the version to use now, or nil. It never waits. Each use of a version
// that is due sees to it that a fetch is under way.
func (s *Source[T]) Current() *Version[T] {
	if v := s.current.Load(); s.use(v, time.Now()) {
		return v
	}
	return nil
}

// A Demand asks a [Source] for more than its current version.
type Demand[T any] struct {
	// Enough reports whether a version says what the call needs. Nil means that any
	// version does.
	Enough func(*Version[T]) bool

	// Budget is charged for a fetch that nothing but this demand causes, for Reason. A
	// fetch that fails is refunded.
	Budget *Budget
	Reason Reason
}

// Find returns a usable version that is enough, waiting for a fetch if it must. When
// none is, it returns a version that was asked for after the call began, since no other
// would say more. The error is an [*Unavailable] or ctx.Err().
func (s *Source[T]) Find(ctx context.Context, d Demand[T]) (*Version[T], error) {
	began := s.started.Load()
	var failure error // of the fetch that the call waited for
	for {
		now := time.Now()
		v := s.current.Load()
		isOwn := v != nil && v.seq > began // good for this call, however short its life
		if isOwn || s.use(v, now) && (d.Enough == nil || d.Enough(v)) {
			return v, nil
		}
		if failure != nil {
			return nil, failure
		}
		f, err := s.join(v, now, d)
		if err != nil {
			return nil, err
		}
		if failure, err = s.wait(ctx, f); err != nil {
			return nil, err
		}
	}
}

// use reports whether v may be used now, without waiting, and starts the fetch that is
// due.
func (s *Source[T]) use(v *Version[T], now time.Time) bool {
	if v == nil {
		return false
	}
	if v.isFresh(now) {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.isUsable(v, now) {
		return false
	}
	if s.flight == nil && s.current.Load() == v && !s.outage.blocks(now) && s.charge(now) == 0 {
		s.start(now, Refresh, nil)
	}
	return true
}

// isUsable reports whether v may be used without waiting. It expects the mutex to be
// held. In this order:
//
//   - A dead version isn't.
//   - One whose time isn't over is.
//   - A fetch that began within that time is under way: it is, until the fetch is over.
//   - The owner is down: it is, so that no call waits in an outage.
//   - Otherwise it isn't. After a quiet time nothing is known about the owner, and a
//     call waits for one fetch, which either succeeds or shows that the owner is down.
func (s *Source[T]) isUsable(v *Version[T], now time.Time) bool {
	switch {
	case v == nil || v.isDead(now):
		return false
	case !v.isExpired(now):
		return true
	case s.flight != nil && !v.expires.hasCome(s.flight.asked):
		return true
	default:
		return s.outage.isCurrent(v.refreshAt, v.ttl, now)
	}
}

// A flight is one fetch that any number of calls wait for.
type flight struct {
	reason Reason
	seq    uint64        // its number
	asked  time.Time     // no later than its first request
	budget *Budget       // charged for it, or nil
	done   chan struct{} // closed when err is final and the version in place
	err    error
}

// join returns the fetch to wait for, for a call to which seen isn't enough, or why
// there is none. Both are nil when a newer version is in place already.
func (s *Source[T]) join(seen *Version[T], now time.Time, d Demand[T]) (*flight, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.flight != nil:
		return s.flight, nil
	case s.current.Load() != seen:
		return nil, nil //nolint:nilnil // look again
	case s.outage.blocks(now):
		return nil, s.outage.error(now)
	case seen == nil:
		d.Reason, d.Budget = First, nil
	case !seen.isFresh(now):
		d.Reason, d.Budget = Refresh, nil
	}
	if wait := d.Budget.Take(now); wait > 0 {
		return nil, &Unavailable{RetryAfter: wait, Err: ErrBudget}
	}
	if wait := s.charge(now); wait > 0 {
		d.Budget.giveBack()
		return nil, &Unavailable{RetryAfter: wait, Err: ErrBudget}
	}
	return s.start(now, d.Reason, d.Budget), nil
}

// start expects the mutex to be held, and that no fetch is under way.
func (s *Source[T]) start(now time.Time, reason Reason, budget *Budget) *flight {
	s.flight = &flight{
		reason: reason, seq: s.started.Add(1), asked: now, budget: budget, done: make(chan struct{}),
	}
	go s.run(s.flight)
	return s.flight
}

// run fetches on a context of its own: a caller who gives up must not fail the others.
func (s *Source[T]) run(f *flight) {
	ctx, cancel := context.WithTimeout(context.Background(), s.timeout)
	defer cancel()
	previous := s.current.Load()
	next := &Version[T]{Asked: f.asked, seq: f.seq}
	var life Life
	var failure error
	err := callWithDeadline(ctx, func() { next.Value, life, failure = s.fetch(ctx, previous, f.reason) })
	if err == nil { // else the fetch may still be running, and nothing of it is touched
		err = failure
	}
	event := s.finish(f, next, life, err)
	event.Previous = previous
	if s.report != nil {
		s.report(event)
	}
}

// finish puts an end to a fetch, and its version in place.
func (s *Source[T]) finish(f *flight, next *Version[T], life Life, err error) Event[T] {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	event := Event[T]{Reason: f.reason, Duration: now.Sub(f.asked), Failures: s.outage.failures}
	if err != nil {
		f.budget.giveBack() // an outage must not use up what a rotation needs
		s.outage.extend(f.asked, now, err)
		f.err = s.outage.error(now)
		event.Err, event.Failures = err, s.outage.failures
	} else {
		s.outage.end()
		next.setLifetime(now, life)
		s.current.Store(next)
		event.Version = next
	}
	s.flight = nil
	close(f.done)
	return event
}

// wait returns the failure of f, or an error if the call can't wait for it.
func (s *Source[T]) wait(ctx context.Context, f *flight) (failure, err error) {
	if f == nil {
		return nil, nil
	}
	defer s.waiting.Add(-1)
	if s.waiting.Add(1) > maxWaiting {
		return nil, &Unavailable{RetryAfter: time.Second, Err: ErrWaiting}
	}
	select {
	case <-f.done:
		return f.err, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Limit charges every fetch to b from now on, whatever its reason, in addition to a
// demand's own budget. The first fetches may have been paid for already.
func (s *Source[T]) Limit(b *Budget, prepaid int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limit, s.prepaid = b, prepaid
}

// Unlimit ends [Source.Limit], and gives back all that was paid.
func (s *Source[T]) Unlimit() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range s.charged + s.prepaid {
		s.limit.giveBack()
	}
	s.limit, s.charged, s.prepaid = nil, 0, 0
}

// charge expects the mutex to be held.
func (s *Source[T]) charge(now time.Time) time.Duration {
	switch {
	case s.limit == nil:
		return 0
	case s.prepaid > 0:
		s.prepaid--
	default:
		if wait := s.limit.Take(now); wait > 0 {
			return wait
		}
	}
	s.charged++
	return 0
}

// A State is what a Source knows at one moment.
type State[T any] struct {
	Version     *Version[T] // the latest, usable or not; nil before the first
	Usable      bool        // without waiting
	LastFailure time.Time
	Err         error // the last failure, even if a fetch has succeeded since
	Failures    int   // in a row, up to now
	NextFetch   time.Time
}

// State returns what s knows now. It starts no fetch.
func (s *Source[T]) State() State[T] {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	state := State[T]{
		Version:     s.current.Load(),
		LastFailure: s.outage.latest,
		Err:         s.outage.err,
		Failures:    s.outage.failures,
		NextFetch:   time.Time(s.outage.retryAt),
	}
	if v := state.Version; v != nil {
		state.Usable = s.isUsable(v, now)
		if due := time.Time(v.refreshAt); due.After(state.NextFetch) {
			state.NextFetch = due
		}
	}
	return state
}
