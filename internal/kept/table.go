// Package kept keeps what was made once, to be used again, in bounded memory.
package kept

import "sync/atomic"

// tableSize is enough for the few values in use at a time, and a power of two.
const tableSize = 256

// A Table keeps up to 256 values that can be made again. Each value has two slots to stand in, which
// its hash says, so two in use seldom push out one another. A stranger who asks for many values makes
// others slower, and takes no more memory. A Table's zero value is empty, and safe for concurrent
// use. Finding a value writes nothing.
type Table[V any] struct {
	slots [tableSize]atomic.Pointer[V]
}

// Find returns the value with a hash for which is returns true, or nil.
func (t *Table[V]) Find(hash uint64, is func(*V) bool) *V {
	for _, i := range slotsOf(hash) {
		if v := t.slots[i].Load(); v != nil && is(v) {
			return v
		}
	}
	return nil
}

// Keep keeps a value, which must never change from now on.
func (t *Table[V]) Keep(hash uint64, v *V) {
	slots := slotsOf(hash)
	if t.slots[slots[0]].CompareAndSwap(nil, v) {
		return
	}
	t.slots[slots[1]].Store(v)
}

func slotsOf(hash uint64) [2]uint64 { return [2]uint64{hash % tableSize, hash >> 32 % tableSize} }
