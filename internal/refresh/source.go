// Package refresh caches a value owned by another party, such as an issuer's keys or a tenant's
// configuration, and keeps it up to date.
//
// Each version passes through four states as it ages:
//
//	fresh   used as it is
//	due     used, while one background fetch looks for the next version
//	stale   used only while the owner is down
//	dead    never used: a call waits for a fetch, or learns why there is none
//
// Nothing runs between fetches, and every fetch ends by its deadline. A caller who gives up ends
// only that wait; the fetch goes on for the other callers.
package refresh

import (
	"cmp"
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// maxWaiting is how many calls may wait for one Source's fetches at a time, unless its Config says
// otherwise.
const maxWaiting = 1024

// A Reason says why a value is fetched.
type Reason string

// Reasons for the fetches a Source starts by itself. A [Demand] brings its own.
const (
	First   Reason = "first"   // there is no version yet
	Refresh Reason = "refresh" // the version is due or expired
)

// A Source holds the latest version of one value. It is safe for concurrent use.
type Source[T any] struct {
	fetch   func(ctx context.Context, previous *Version[T], reason Reason) (T, Life, error)
	timeout time.Duration
	report  func(Event[T])
	maxWait int64 // calls that may wait at a time

	current atomic.Pointer[Version[T]]
	started atomic.Uint64 // fetches started so far
	waiting atomic.Int64  // calls waiting now

	mu      sync.Mutex // never held during a fetch
	flight  *flight    // the fetch under way
	outage  outage
	limit   *Budget // charged for every fetch, if set
	charged int     // fetches charged to limit so far
	prepaid int     // fetches already charged but not started
}

// A Config tells a [Source] how to fetch versions.
type Config[T any] struct {
	// Fetch reads the value. The previous argument is the latest version, or nil. If the error
	// has a RetryAfter() time.Duration method, the next fetch waits that long, up to the
	// back-off's current maximum. The context has a deadline; a Fetch that overruns it is
	// abandoned.
	Fetch func(ctx context.Context, previous *Version[T], reason Reason) (T, Life, error)

	Timeout time.Duration
	Report  func(Event[T]) // nil, or called after each fetch with no lock held

	// MaxWaiting is how many calls may wait at a time; 0 means 1024.
	MaxWaiting int64

	// MaxBackoff limits how long a failed fetch keeps the next one away, unless the owner has
	// asked for more; 0 means up to a minute.
	MaxBackoff time.Duration
}

// New returns a Source without a version, which fetches nothing until a call needs one.
func New[T any](config Config[T]) *Source[T] {
	return &Source[T]{
		fetch:   config.Fetch,
		timeout: config.Timeout,
		report:  config.Report,
		maxWait: cmp.Or(config.MaxWaiting, maxWaiting),
		outage:  outage{maxWait: config.MaxBackoff},
	}
}

// Fixed returns a Source that holds value forever and never fetches.
func Fixed[T any](value T) *Source[T] {
	s := &Source[T]{}
	s.current.Store(&Version[T]{Value: value, isFixed: true})
	return s
}

// An Event describes one finished fetch.
type Event[T any] struct {
	Reason   Reason
	Duration time.Duration
	Previous *Version[T]
	Version  *Version[T] // nil if the fetch failed
	Failures int         // consecutive: including this fetch if it failed, before it otherwise
	Err      error
}

// Current returns the version to use now, or nil. It never waits. If the version is due, Current
// makes sure a background fetch is running.
func (s *Source[T]) Current() *Version[T] { return s.CurrentAt(time.Now()) }

// CurrentAt does what Current does, for a caller who has just read the clock.
func (s *Source[T]) CurrentAt(now time.Time) *Version[T] {
	if v := s.current.Load(); s.use(v, now) {
		return v
	}
	return nil
}

// A Demand says what a call needs from a [Source], and who pays for the fetch.
type Demand[T any] struct {
	// Enough reports whether a version answers the call. Nil accepts any version.
	Enough func(*Version[T]) bool

	// Budget pays for a fetch made only because of this demand, and Reason explains it. A failed
	// fetch is refunded. A nil Budget is unlimited.
	Budget *Budget
	Reason Reason
}

// Find returns a usable version that is enough for the call, waiting for a fetch if necessary. If
// no version is enough, Find returns one requested after the call began, since another fetch
// would say no more. The error is an [*Unavailable] or ctx.Err().
func (s *Source[T]) Find(ctx context.Context, d Demand[T]) (*Version[T], error) {
	began, start := s.started.Load(), time.Now()
	var failure error // from the fetch this call waited for
	for {
		now := time.Now()
		v := s.current.Load()
		isOwn := v != nil && v.seq > began // good for this call, even if it has expired
		isUsable := !isOwn && s.use(v, now)
		if isOwn || isUsable && (d.Enough == nil || d.Enough(v)) {
			return v, nil
		}
		if failure != nil {
			return nil, failure
		}
		f, err := s.join(v, isUsable, now, d)
		if err != nil {
			return nil, err
		}
		if failure, err = s.wait(ctx, f, start); err != nil {
			return nil, err
		}
	}
}

// use reports whether v may be used now without waiting. It starts a background fetch if one is
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

// isUsable reports whether v may be used without waiting. The caller holds the mutex. The rules
// apply in this order:
//
//   - A dead version is unusable.
//   - An unexpired version is usable.
//   - An expired version stays usable while a fetch is running that began before it expired.
//   - An expired version stays usable while the owner is down, so calls don't wait in an outage.
//   - Otherwise it's unusable. After a quiet period nothing is known about the owner, so a call
//     waits for one fetch, which either succeeds or shows the owner to be down.
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

// A flight is one fetch, shared by all calls waiting for it.
type flight struct {
	reason Reason
	seq    uint64        // this fetch's number
	asked  time.Time     // when it began, before its first request
	budget *Budget       // what paid for it, or nil
	done   chan struct{} // closed once err and the version are set
	err    error
}

// join returns the fetch for a call to wait for, because seen isn't usable, or isn't enough. It
// returns an error if no fetch may start. It returns nil twice if a newer version has already
// arrived, or if a fetch has failed meanwhile and made seen usable.
func (s *Source[T]) join(seen *Version[T], wasUsable bool, now time.Time, d Demand[T]) (*flight, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.flight != nil:
		return s.flight, nil
	case s.current.Load() != seen, !wasUsable && s.isUsable(seen, now):
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

// start begins a fetch. The caller holds the mutex, and no other fetch is running.
func (s *Source[T]) start(now time.Time, reason Reason, budget *Budget) *flight {
	s.flight = &flight{
		reason: reason, seq: s.started.Add(1), asked: now, budget: budget, done: make(chan struct{}),
	}
	go s.run(s.flight)
	return s.flight
}

// run fetches with a context of its own: a caller who gives up must not fail the others.
func (s *Source[T]) run(f *flight) {
	ctx, cancel := context.WithTimeout(context.Background(), s.timeout)
	defer cancel()
	previous := s.current.Load()
	next := &Version[T]{Asked: f.asked, seq: f.seq}
	var life Life
	var failure error
	err := CallWithDeadline(ctx, func() { next.Value, life, failure = s.fetch(ctx, previous, f.reason) })
	if err == nil { // otherwise Fetch may still be running: don't touch its results
		err = failure
	}
	event := s.finish(f, next, life, err)
	event.Previous = previous
	if s.report != nil {
		s.report(event)
	}
}

// finish ends a flight and installs its version, or records its failure.
func (s *Source[T]) finish(f *flight, next *Version[T], life Life, err error) Event[T] {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	event := Event[T]{Reason: f.reason, Duration: now.Sub(f.asked), Failures: s.outage.failures}
	if err != nil {
		f.budget.giveBack() // an outage must not spend what a key rotation needs
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

// wait waits for f and returns its failure, or returns err if the call can't wait.
func (s *Source[T]) wait(ctx context.Context, f *flight, start time.Time) (failure, err error) {
	if f == nil {
		return nil, nil
	}
	defer s.waiting.Add(-1)
	if s.waiting.Add(1) > s.maxWait {
		return nil, &Unavailable{RetryAfter: time.Second, Err: ErrWaiting}
	}
	// A call may have to wait for the end of one fetch, and then for its own. It waits no longer
	// than one takes at most.
	enough := time.NewTimer(time.Until(start.Add(s.timeout + patience + patience/5)))
	defer enough.Stop()
	select {
	case <-f.done:
		return f.err, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-enough.C:
		return nil, &Unavailable{RetryAfter: time.Second, Err: ErrSlow}
	}
}

// Limit charges every later fetch to b, whatever its reason, in addition to any demand's own
// budget. The next prepaid fetches are free, because they were paid for elsewhere.
func (s *Source[T]) Limit(b *Budget, prepaid int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limit, s.prepaid = b, prepaid
}

// Unlimit undoes [Source.Limit] and refunds everything it charged.
func (s *Source[T]) Unlimit() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range s.charged + s.prepaid {
		s.limit.giveBack()
	}
	s.limit, s.charged, s.prepaid = nil, 0, 0
}

// charge pays for a fetch from s.limit, or returns how long until it can. The caller holds the
// mutex.
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

// A State is a snapshot of what a Source knows.
type State[T any] struct {
	Version     *Version[T] // the latest one, usable or not; nil before the first
	Usable      bool        // Version may be used now, without waiting
	LastFailure time.Time
	Err         error // the last failure, even if a fetch has succeeded since
	Failures    int   // consecutive, up to now; 0 after a success
	NextFetch   time.Time
}

// State returns a snapshot and starts no fetch.
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
