package verifier

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// A flight is one fetch that any number of calls wait for.
type flight struct {
	reason FetchReason
	launch uint64        // its number
	asked  time.Time     // no later than its first request
	done   chan struct{} // closed when err is final and the snapshot in place
	err    error
}

// landed is a flight for calls that find its snapshot in place already.
var landed = func() *flight {
	f := &flight{done: make(chan struct{})}
	close(f.done)
	return f
}()

// board returns the flight to wait for, for a call that cannot do with what it has
// seen, or why there will be none.
func (s *keySource) board(seen *snapshot, now time.Time) (*flight, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.flight != nil {
		return s.flight, nil
	}
	if s.current.Load() != seen {
		return landed, nil
	}
	if s.outage.lastsAt(now) {
		return nil, s.outage.error(now)
	}
	reason := FetchRefresh
	switch {
	case seen == nil:
		reason = FetchFirst
	case seen.isFresh(now): // nothing is wrong with it but that it lacks a kid
		reason = FetchUnknownKid
		if wait := s.unknowns.take(now); wait > 0 {
			return nil, &KeysError{
				Code:       CodeJWKSFetchFailed,
				RetryAfter: wait,
				Err:        errors.New("too many tokens of unknown keys"),
			}
		}
	}
	return s.launch(now, reason), nil
}

// launch expects the mutex to be held, and that no other flight is under way.
func (s *keySource) launch(now time.Time, reason FetchReason) *flight {
	s.flight = &flight{
		reason: reason, launch: s.launches.Add(1), asked: now, done: make(chan struct{}),
	}
	go s.fly(s.flight)
	return s.flight
}

// fly fetches on a context of its own: a caller who gives up must not fail the
// others who wait.
func (s *keySource) fly(f *flight) {
	ctx, cancel := context.WithTimeout(context.Background(), s.timeout)
	defer cancel()
	previous := s.current.Load()
	set, err := s.fetchSafely(ctx, previous, f.reason)
	s.report(s.land(f, previous, set, err))
}

// land puts an end to a flight.
func (s *keySource) land(f *flight, previous, set *snapshot, err *KeysError) FetchEvent {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	event := FetchEvent{Reason: f.reason, Duration: now.Sub(f.asked), Failures: s.outage.failures}
	if err != nil {
		if f.reason == FetchUnknownKid {
			s.unknowns.giveBack()
		}
		s.outage.extend(now, err)
		f.err = s.outage.error(now)
		event.Outcome, event.Err, event.Failures = FetchFailed, f.err, s.outage.failures
	} else {
		s.outage.end()
		set.launch, set.asked = f.launch, f.asked
		s.current.Store(set)
		event.Outcome, event.Keys = FetchUnchanged, set.size()
		if previous == nil || previous.keySet != set.keySet {
			event.Outcome = FetchChanged
		}
		if set.doubt != nil {
			event.Err = set.doubt
		}
	}
	s.flight = nil
	close(f.done)
	return event
}

// fetchSafely turns a panic into an error: it would not be one call's, as in a
// handler, but the end of the server.
func (s *keySource) fetchSafely(
	ctx context.Context, previous *snapshot, reason FetchReason,
) (set *snapshot, err *KeysError) {
	defer func() {
		if p := recover(); p != nil {
			err = &KeysError{Code: CodeJWKSError, Err: fmt.Errorf("panic: %v", p)}
		}
	}()
	return s.fetch(ctx, previous, reason)
}
