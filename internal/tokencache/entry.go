package tokencache

import "sync/atomic"

// An Entry is what is known about one token. Its Token never changes.
type Entry[T any] struct {
	Token string
	Value T

	owner  *ring[T]
	bytes  uint32
	at     int32 // in owner, or notHeld; with the lock
	isUsed atomic.Bool
}

const notHeld = -1

// use notes that the entry was found. A hot entry is only read, so cores needn't pass it around.
func (e *Entry[T]) use() {
	if !e.isUsed.Load() {
		e.isUsed.Store(true)
	}
}

// A ring holds one owner's entries. A hand goes round it and looks for one to evict. It passes over
// an entry that was used since the last time.
type ring[T any] struct {
	entries  []*Entry[T]
	hand     int
	size     int
	bytes    int64
	maxBytes int64
}

// maxPassed limits how many entries the hand passes over for one eviction, so no call waits for
// many.
const maxPassed = 256

func (r *ring[T]) isFull(bytes uint32) bool {
	return len(r.entries) >= r.size || r.bytes+int64(bytes) > r.maxBytes
}

// next returns the entry to evict, where the hand now points.
func (r *ring[T]) next() *Entry[T] {
	for range maxPassed {
		if !r.entries[r.hand].isUsed.Load() {
			break
		}
		r.entries[r.hand].isUsed.Store(false)
		r.hand = (r.hand + 1) % len(r.entries)
	}
	return r.entries[r.hand]
}

// add appends an entry. If another was evicted for it, it stands where the hand looks last.
func (r *ring[T]) add(e *Entry[T], hasEvicted bool) {
	last := len(r.entries)
	r.entries = append(r.entries, e)
	r.put(e, last)
	r.bytes += int64(e.bytes)
	if hasEvicted {
		r.put(r.entries[r.hand], last)
		r.put(e, r.hand)
		r.hand = (r.hand + 1) % len(r.entries)
	}
}

func (r *ring[T]) put(e *Entry[T], at int) {
	r.entries[at], e.at = e, int32(at) //nolint:gosec // a ring is never that large
}

// remove puts the last entry in the place of e.
func (r *ring[T]) remove(e *Entry[T]) {
	last := len(r.entries) - 1
	r.put(r.entries[last], int(e.at))
	r.entries[last] = nil
	r.entries = r.entries[:last]
	r.bytes -= int64(e.bytes)
	e.at = notHeld
	if r.hand >= last {
		r.hand = 0
	}
}
