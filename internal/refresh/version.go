package refresh

import (
	"math/rand/v2"
	"time"
)

// The part of a TTL after which a refresh begins. Each version picks a random point in this wide
// range, so replicas started together don't keep fetching together.
const (
	earliestRefresh = 0.60
	latestRefresh   = 0.95
)

// A Version is the value as one fetch found it. It never changes, and the next version replaces
// all of it, so nothing withdrawn survives.
type Version[T any] struct {
	Value T

	// Each call reads these, so they stand in one cache line with a small Value.
	seq       uint64 // its fetch's number
	isFixed   bool   // never expires: the times don't apply
	refreshAt moment // fresh until then

	Asked   time.Time // before the fetch's first request
	Fetched time.Time

	ttl     time.Duration
	expires moment // used until then
	dead    moment // used until then while the owner is down
}

// A Life says how long a version may be used.
type Life struct {
	TTL      time.Duration
	MaxStale time.Duration // after TTL, while the owner is down

	// FreshFor is how long the version is used before a fetch in the background looks for the
	// next one. By default it's a random part of TTL.
	FreshFor time.Duration
}

// IsFixed reports whether v belongs to a [Fixed] Source.
func (v *Version[T]) IsFixed() bool { return v.isFixed }

// Number returns a number that no other version of the same [Source] has, and is never 0.
func (v *Version[T]) Number() uint64 { return v.seq + 1 } // a fixed version's seq is 0

// UsableUntil returns when v is used no longer, even while the owner is down, or the zero time for
// a version that never expires.
func (v *Version[T]) UsableUntil() time.Time { return time.Time(v.dead) }

func (v *Version[T]) setLifetime(now time.Time, life Life) {
	v.Fetched = now
	v.ttl = life.TTL
	v.refreshAt = moment(now.Add(life.refreshAfter()))
	v.expires = moment(now.Add(life.TTL))
	v.dead = moment(now.Add(life.TTL + life.MaxStale))
}

func (l Life) refreshAfter() time.Duration {
	if l.FreshFor > 0 {
		return l.FreshFor
	}
	part := earliestRefresh + (latestRefresh-earliestRefresh)*rand.Float64()
	return time.Duration(part * float64(l.TTL))
}

func (v *Version[T]) isFresh(now time.Time) bool   { return v.isFixed || !v.refreshAt.hasCome(now) }
func (v *Version[T]) isExpired(now time.Time) bool { return !v.isFixed && v.expires.hasCome(now) }
func (v *Version[T]) isDead(now time.Time) bool    { return !v.isFixed && v.dead.hasCome(now) }

// A moment is a time compared by both clocks: see [HasCome].
type moment time.Time

func (m moment) hasCome(now time.Time) bool { return HasCome(time.Time(m), now) }

func (m moment) add(d time.Duration) moment { return moment(time.Time(m).Add(d)) }

// HasCome reports whether t has passed at now, by the wall clock or the monotonic clock. Both are
// needed: the monotonic clock can stop while a machine sleeps, and the wall clock can be set
// back.
func HasCome(t, now time.Time) bool {
	return !now.Before(t) || !now.Round(0).Before(t.Round(0))
}
