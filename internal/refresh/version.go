package refresh

import (
	"math/rand/v2"
	"time"
)

// When a refresh begins, as a part of the time to live. The range is wide, and each
// version draws anew, so that replicas which start together don't fetch together.
const (
	earliestRefresh = 0.60
	latestRefresh   = 0.95
)

// A Version is a value as it was at the time of one fetch. It never changes: the next
// one replaces it as a whole, so that what was withdrawn is gone.
type Version[T any] struct {
	Value   T
	Asked   time.Time // no later than the first request for it
	Fetched time.Time

	seq       uint64 // the number of its fetch
	isFixed   bool   // for ever: the times mean nothing
	ttl       time.Duration
	refreshAt moment // fresh until then
	expires   moment // used until then
	dead      moment // used until then while its owner is down
}

// A Life is how long a version is used.
type Life struct {
	TTL      time.Duration
	MaxStale time.Duration // past TTL, while its owner is down

	// Lazy waits with the next fetch until TTL is over.
	Lazy bool
}

// IsFixed reports whether v is the version of a [Fixed] Source.
func (v *Version[T]) IsFixed() bool { return v.isFixed }

func (v *Version[T]) setLifetime(now time.Time, life Life) {
	v.Fetched = now
	v.ttl = life.TTL
	v.refreshAt = moment(now.Add(life.refreshAfter()))
	v.expires = moment(now.Add(life.TTL))
	v.dead = moment(now.Add(life.TTL + life.MaxStale))
}

func (l Life) refreshAfter() time.Duration {
	if l.Lazy {
		return l.TTL
	}
	part := earliestRefresh + (latestRefresh-earliestRefresh)*rand.Float64()
	return time.Duration(part * float64(l.TTL))
}

func (v *Version[T]) isFresh(now time.Time) bool   { return v.isFixed || !v.refreshAt.hasCome(now) }
func (v *Version[T]) isExpired(now time.Time) bool { return !v.isFixed && v.expires.hasCome(now) }
func (v *Version[T]) isDead(now time.Time) bool    { return !v.isFixed && v.dead.hasCome(now) }

// A moment is a time that can only be compared by both clocks.
type moment time.Time

// hasCome asks both clocks: the monotonic one stands still while a machine sleeps, and
// the wall clock can be set back.
func (m moment) hasCome(now time.Time) bool { return HasCome(time.Time(m), now) }

func (m moment) add(d time.Duration) moment { return moment(time.Time(m).Add(d)) }

// HasCome reports whether t has come at now, by either clock.
func HasCome(t, now time.Time) bool {
	return !now.Before(t) || !now.Round(0).Before(t.Round(0))
}
