package verifier

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oidcrpc/oidcrpc/internal/jws"
)

// A keySource holds the key set of one issuer and decides when to fetch it: when
// there is none that is fresh, and when a token names a key that the set lacks.
// Nothing else about a token can cause a fetch.
type keySource struct {
	load    func(context.Context) (*keySet, *KeysError) // nil: the set is fixed
	timeout time.Duration                               // of one load

	current atomic.Pointer[keySet]

	mu       sync.Mutex
	flight   *flight // the fetch under way
	outage   outage
	unknowns bucket
}

// A flight is one fetch that any number of calls wait for.
type flight struct {
	forUnknownKid bool
	done          chan struct{} // closed when set and err are final
	set           *keySet
	err           error
}

// key returns the issuer's key for a token's kid and alg. The error is an *AuthError,
// a *KeysError or ctx.Err().
func (s *keySource) key(ctx context.Context, kid, alg string) (*jws.Key, error) {
	began := time.Now()
	set := s.current.Load()
	for !s.settles(set, kid, began) {
		var err error
		if set, err = s.refresh(ctx, set); err != nil {
			return nil, err
		}
	}
	if key := set.key(kid, alg); key != nil {
		return key, nil
	}
	return nil, refuse(CodeKeyNotFound, "the issuer has no key for this token")
}

// holds reports whether key is still, as the same object, a key under kid of a set
// that may be used now.
func (s *keySource) holds(kid string, key *jws.Key) bool {
	set := s.current.Load()
	if !set.isFresh(time.Now()) {
		return false
	}
	keys, _ := set.decoded.Peek(kid)
	return slices.Contains(keys, key)
}

// settles reports whether set has the last word about kid in a call that began then.
// One that was asked for earlier may miss the key of a rotation.
func (s *keySource) settles(set *keySet, kid string, began time.Time) bool {
	if set == nil {
		return false
	}
	isFixed := s.load == nil
	return isFixed || !set.asked.Before(began) || set.isFresh(began) && set.has(kid)
}

// ready waits until there is a set that is fresh.
func (s *keySource) ready(ctx context.Context) error {
	set := s.current.Load()
	if set.isFresh(time.Now()) {
		return nil
	}
	_, err := s.refresh(ctx, set)
	return err
}

// refresh returns a fresh set other than seen. It waits for the fetch that is under
// way, or starts one if it may.
func (s *keySource) refresh(ctx context.Context, seen *keySet) (*keySet, error) {
	flight, set, err := s.board(seen)
	if flight == nil {
		return set, err
	}
	select {
	case <-flight.done:
		return flight.set, flight.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// board returns the flight to wait for, or else the newer set that has landed
// meanwhile, or why there is neither.
func (s *keySource) board(seen *keySet) (*flight, *keySet, error) {
	now := time.Now()
	forUnknownKid := seen.isFresh(now) // nothing else is wrong with it
	s.mu.Lock()
	defer s.mu.Unlock()
	if set := s.current.Load(); set != seen && set.isFresh(now) {
		return nil, set, nil
	}
	if s.flight != nil {
		return s.flight, nil, nil
	}
	if s.outage.lastsAt(now) {
		return nil, nil, s.outage.error(now)
	}
	if forUnknownKid {
		if wait := s.unknowns.take(now); wait > 0 {
			return nil, nil, &KeysError{
				Code:       CodeJWKSFetchFailed,
				RetryAfter: wait,
				Err:        errors.New("too many tokens of unknown keys"),
			}
		}
	}
	s.flight = &flight{forUnknownKid: forUnknownKid, done: make(chan struct{})}
	go s.fly(s.flight)
	return s.flight, nil, nil
}

// fly fetches on a context of its own: a caller who gives up must not fail the
// others who wait.
func (s *keySource) fly(f *flight) {
	ctx, cancel := context.WithTimeout(context.Background(), s.timeout)
	defer cancel()
	asked := time.Now()
	set, err := s.loadSafely(ctx)

	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if err != nil {
		if f.forUnknownKid {
			s.unknowns.giveBack()
		}
		s.outage.extend(now, err)
		f.err = s.outage.error(now)
	} else {
		s.outage = outage{}
		set.asked = asked
		s.current.Store(set)
		f.set = set
	}
	s.flight = nil
	close(f.done)
}

// loadSafely turns a panic into an error: it would not be one call's, as in a
// handler, but the end of the server.
func (s *keySource) loadSafely(ctx context.Context) (set *keySet, err *KeysError) {
	defer func() {
		if p := recover(); p != nil {
			err = &KeysError{Code: CodeJWKSError, Err: fmt.Errorf("panic: %v", p)}
		}
	}()
	return s.load(ctx)
}
