package verifier

import (
	"math/rand/v2"
	"time"
)

// When a refresh begins, as a part of the time to live. The range is wide enough for
// replicas that start together not to fetch together for ever: each draws anew at
// every fetch.
const (
	earliestRefresh = 0.60
	latestRefresh   = 0.95
)

// A snapshot is a key set at the time of a fetch: where it was found, and how long it
// may be used. It never changes; a refresh replaces it as a whole, so that a withdrawn
// key is gone.
type snapshot struct {
	*keySet
	place

	etag   string
	launch uint64    // the number of its flight
	asked  time.Time // no later than the first request for it

	isFixed   bool          // for ever, and the times below mean nothing
	ttl       time.Duration // from fetched to expires
	fetched   time.Time
	refreshAt time.Time // fresh until then
	expires   time.Time // to be used until then
	dead      time.Time // to be used until then while the issuer is out
}

// live dates the snapshot.
func (s *snapshot) live(now time.Time, ttl, maxStale time.Duration) {
	s.ttl = ttl
	s.fetched = now
	s.refreshAt = now.Add(refreshAfter(ttl))
	s.expires = now.Add(ttl)
	s.dead = s.expires.Add(maxStale)
}

func refreshAfter(ttl time.Duration) time.Duration {
	part := earliestRefresh + (latestRefresh-earliestRefresh)*rand.Float64()
	return time.Duration(part * float64(ttl))
}

func (s *snapshot) isFresh(now time.Time) bool   { return s.isFixed || now.Before(s.refreshAt) }
func (s *snapshot) isExpired(now time.Time) bool { return !s.isFixed && !now.Before(s.expires) }
func (s *snapshot) isDead(now time.Time) bool    { return !s.isFixed && !now.Before(s.dead) }
