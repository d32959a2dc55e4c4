package refresh

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// A Group fetches many values that one owner keeps, each under a key, such as what an
// authorization server says about tokens. It keeps no value itself, only the fetches under way,
// and whether the owner is down.
//
// Keys come from callers. A stranger's key must not cost more than a budget, and no key must make
// the owner look down. So when the fetch of a key fails, the Group asks with a key of its own:
// only if this fails, too, is the owner down. It is safe for concurrent use.
type Group[T any] struct {
	config  GroupConfig[T]
	waiting atomic.Int64

	mu      sync.Mutex // never held during a fetch
	flights map[string]*groupFlight[T]
	probe   *groupFlight[T] // under way
	outage  outage
	success time.Time // when the owner last answered
}

// A GroupConfig tells a [Group] how to fetch values.
type GroupConfig[T any] struct {
	// Fetch asks the owner about a key. Its context has a deadline; a Fetch that overruns it is
	// abandoned.
	Fetch func(ctx context.Context, key string) (T, error)

	// Probe asks the owner about a key of our own.
	Probe func(ctx context.Context) error

	// Keep is called with every result of Fetch, before a call sees it and with no lock held. It
	// reports whether the budget gets its fetch back.
	Keep func(Result[T]) (refund bool)

	// Report is called after every fetch and probe, with no lock held.
	Report func(Result[T])

	Timeout time.Duration
	Known   *Budget // pays for known keys
	Strange *Budget // pays for strangers' keys
}

// NewGroup returns a Group, which fetches nothing until a call needs it.
func NewGroup[T any](config GroupConfig[T]) *Group[T] {
	return &Group[T]{config: config, flights: make(map[string]*groupFlight[T])}
}

// Get returns the value under key from a new fetch, or from the one under way. Before it starts
// one, it asks held whether the value has just arrived. The error is an [*Unavailable], Fetch's
// own, or ctx.Err(), which ends only this call's wait.
func (g *Group[T]) Get(ctx context.Context, key string, isKnown bool, held func() (T, bool)) (value T, err error) {
	for range maxProbes {
		f, value, err := g.join(key, isKnown, time.Now(), held)
		if f == nil {
			return value, err
		}
		if err := f.wait(ctx, &g.waiting); err != nil {
			return value, err
		}
		if f.result.Err != nil || f.result.Key != "" {
			return f.result.Value, f.result.Err
		}
	}
	return value, &Unavailable{RetryAfter: time.Second, Err: ErrSlow}
}

// maxProbes is how many probes one call waits for.
const maxProbes = 3

// Renew makes sure that a fetch for a known key is under way, if one may start and held doesn't
// say that one has just ended.
func (g *Group[T]) Renew(key string, held func() (T, bool)) {
	g.join(key, true, time.Now(), held) //nolint:errcheck,gosec // the next call tries again
}

// Probe waits for a new probe, or for the one under way. The error is an [*Unavailable] or
// ctx.Err().
func (g *Group[T]) Probe(ctx context.Context) error {
	g.mu.Lock()
	now := time.Now()
	if g.probe == nil && g.outage.blocks(now) {
		defer g.mu.Unlock()
		return g.outage.error(now)
	}
	f := g.startProbe(now)
	g.mu.Unlock()
	if err := f.wait(ctx, &g.waiting); err != nil {
		return err
	}
	return f.result.Err
}

// join returns the fetch for a call to wait for, which is a probe while the owner is down. It
// returns no fetch if the value is held meanwhile, or if no fetch may start.
func (g *Group[T]) join(
	key string, isKnown bool, now time.Time, held func() (T, bool),
) (f *groupFlight[T], value T, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if f := g.flights[key]; f != nil {
		return f, value, nil
	}
	if value, ok := held(); ok {
		return nil, value, nil
	}
	if g.outage.failures > 0 {
		if g.probe == nil && g.outage.blocks(now) {
			return nil, value, g.outage.error(now)
		}
		return g.startProbe(now), value, nil
	}
	if wait := g.budget(isKnown).Take(now); wait > 0 {
		return nil, value, &Unavailable{RetryAfter: wait, Err: ErrBudget}
	}
	f = newGroupFlight(Result[T]{Key: key, IsKnown: isKnown, Asked: now})
	g.flights[key] = f
	go g.run(f)
	return f, value, nil
}

func (g *Group[T]) budget(isKnown bool) *Budget {
	if isKnown {
		return g.config.Known
	}
	return g.config.Strange
}

// startProbe returns the probe under way, or a new one. The caller holds the mutex.
func (g *Group[T]) startProbe(now time.Time) *groupFlight[T] {
	if g.probe == nil {
		g.probe = newGroupFlight(Result[T]{Asked: now})
		go g.run(g.probe)
	}
	return g.probe
}

// run ends the flight with the result of its fetch.
func (g *Group[T]) run(f *groupFlight[T]) {
	r := f.fetch(g.config.Timeout, g.ask)
	refund := r.Key != "" && g.config.Keep(r)
	g.finish(f, &r, refund)
	if g.config.Report != nil {
		g.config.Report(r)
	}
}

func (g *Group[T]) ask(ctx context.Context, key string) (value T, err error) {
	if key == "" {
		return value, g.config.Probe(ctx)
	}
	return g.config.Fetch(ctx, key)
}

// finish ends a flight.
func (g *Group[T]) finish(f *groupFlight[T], r *Result[T], refund bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	if refund {
		g.budget(r.IsKnown).giveBack()
	}
	r.Failures = g.outage.failures
	switch {
	case r.Err == nil:
		g.success = now
		g.endOutage()
	case !r.IsOutage():
		if !g.outage.blocks(now) {
			g.startProbe(now)
		}
	default:
		g.outage.extend(r.Asked, now, r.Err)
		r.Failures = g.outage.failures
	}
	f.result = *r
	if r.IsOutage() {
		f.result.Err = g.outage.error(now)
	}
	if r.Key == "" {
		g.probe = nil
	} else {
		delete(g.flights, r.Key)
	}
	close(f.done)
}

// endOutage also fills the strangers' budget: what the outage made of their keys says nothing
// about them.
func (g *Group[T]) endOutage() {
	if g.outage.failures > 0 {
		g.outage.end()
		g.config.Strange.fill()
	}
}

// A GroupState is a snapshot of what a Group knows about the owner.
type GroupState struct {
	LastSuccess, LastFailure time.Time
	Err                      error // the last failure, even if a fetch has succeeded since
	Failures                 int   // consecutive, up to now; 0 after a success
	NextFetch                time.Time
}

// State returns a snapshot and starts no fetch.
func (g *Group[T]) State() GroupState {
	g.mu.Lock()
	defer g.mu.Unlock()
	return GroupState{
		LastSuccess: g.success,
		LastFailure: g.outage.latest,
		Err:         g.outage.err,
		Failures:    g.outage.failures,
		NextFetch:   time.Time(g.outage.retryAt),
	}
}
