package verifier

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oidcrpc/oidcrpc/internal/jws"
)

// A keySource holds the keys of one issuer and decides when to fetch them: by the
// life of the snapshot that it has, and when a token names a key that is not in it.
// Nothing else about a token can cause a fetch, and nothing runs between fetches.
type keySource struct {
	fetch   fetchFunc // nil: the keys are fixed
	timeout time.Duration
	report  func(FetchEvent)

	current  atomic.Pointer[snapshot]
	absent   absentKids
	launches atomic.Uint64 // of flights, so far

	mu       sync.Mutex // never held during a fetch
	flight   *flight    // the fetch under way
	outage   outage
	unknowns bucket
}

// A fetchFunc reads the issuer's keys. Previous is the latest snapshot, or nil.
type fetchFunc func(ctx context.Context, previous *snapshot, reason FetchReason) (*snapshot, *KeysError)

func newKeySource(config Config) (*keySource, error) {
	if config.JWKS != nil {
		set, err := parseKeySet(config.JWKS, config.MaxKeys)
		if err != nil {
			return nil, err
		}
		s := &keySource{}
		s.current.Store(&snapshot{keySet: set, isFixed: true})
		return s, nil
	}
	absent, err := newAbsentKids()
	if err != nil {
		return nil, err
	}
	return &keySource{
		fetch:    newIssuer(config).fetch,
		timeout:  config.FetchTimeout,
		report:   reporter(config),
		absent:   absent,
		unknowns: bucket{burst: unknownKidBurst, refill: unknownKidRefill},
	}, nil
}

// key returns the issuer's key for a token's kid and alg. The error is an *AuthError,
// a *KeysError or ctx.Err().
func (s *keySource) key(ctx context.Context, kid, alg string) (*jws.Key, error) {
	set, err := s.await(ctx, kid)
	if err != nil {
		return nil, err
	}
	if key := set.key(kid, alg); key != nil {
		return key, nil
	}
	return nil, refuse(CodeKeyNotFound, "the issuer has no key for this token")
}

// holds reports whether key is still, as the same object, a key under kid of a set
// that may be used now. It counts as a use of the keys, as key does: it may start a
// refresh in the background. It never waits for one.
func (s *keySource) holds(kid string, key *jws.Key) bool {
	set := s.current.Load()
	return s.serves(set, time.Now()) && set.holds(kid, key)
}

// ready waits until there are keys that may be used.
func (s *keySource) ready(ctx context.Context) error {
	_, err := s.await(ctx, "")
	return err
}

// await returns a set that may be used now and that has the last word about kid. If
// there is none it waits for the fetch that is under way, or for one that it starts.
func (s *keySource) await(ctx context.Context, kid string) (*snapshot, error) {
	began := s.launches.Load()
	var failure error // of the fetch that was waited for
	for {
		now := time.Now()
		set := s.current.Load()
		if s.serves(set, now) && s.settles(set, kid, began, now) {
			return set, nil
		}
		if failure != nil {
			return nil, failure
		}
		flight, err := s.board(set, now)
		if err != nil {
			return nil, err
		}
		select {
		case <-flight.done:
			failure = flight.err
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// serves reports whether the keys of set may be used now, without waiting. From its
// refresh time on, each use of a set sees to it that a refresh is under way.
func (s *keySource) serves(set *snapshot, now time.Time) bool {
	if set != nil && set.isFresh(now) {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.mayServe(set, now) {
		return false
	}
	if s.flight == nil && s.current.Load() == set && !s.outage.lastsAt(now) {
		s.launch(now, FetchRefresh)
	}
	return true
}

// mayServe is the rule of serves. It expects the mutex to be held.
//
// Since refreshes begin ahead of time, under traffic one is over well before the time
// to live is. When the time to live is over all the same, the set may hold withdrawn
// keys, and serves on one condition only: that the issuer is out, as far as we know.
// It is if a fetch has failed, and the next one is not overdue by a whole time to
// live; or if a fetch that began ahead of time is still under way. Then no call waits,
// for as long as the set may be stale, and refreshes are tried behind their backs.
// Without such news, as after a quiet time, a call has to wait: for one fetch at
// most, since it either succeeds or is the news.
func (s *keySource) mayServe(set *snapshot, now time.Time) bool {
	switch {
	case set == nil || set.isDead(now):
		return false
	case !set.isExpired(now):
		return true
	case s.flight != nil && s.flight.asked.Before(set.expires):
		return true
	default:
		return s.outage.isNews(now, set.ttl)
	}
}

// settles reports whether set has the last word about kid in a call that began after so
// many launches. A set that was asked for earlier may lack the key of a rotation, unless
// the kid has been found absent just now: its tokens are not worth another fetch.
func (s *keySource) settles(set *snapshot, kid string, began uint64, now time.Time) bool {
	if kid == "" || set.isFixed || set.has(kid) {
		return true
	}
	if set.launch > began {
		s.absent.remember(kid, now)
		return true
	}
	return s.absent.knows(kid, set.asked, now)
}
