package revocation

import (
	"hash/maphash"
	"math/bits"
	"sync/atomic"
)

// A filter says at once that most keys are not in a set. For the others it says maybe. It's read
// without a lock, and written with one.
//
// Each key belongs to one word, and counts in three of the word's 16 counters. Counting lets a
// key be taken out again. A counter that is full stays so, which costs a look-up and hides
// nothing.
type filter struct {
	seed  maphash.Seed
	size  int
	words atomic.Pointer[[]atomic.Uint64] // nil while the set is empty
	keys  int
}

const (
	counterBits = 4
	maxCounter  = 1<<counterBits - 1
	picks       = 3
)

// newFilter returns a filter with a word for each of size keys, as a power of 2.
func newFilter(size int) *filter {
	return &filter{seed: maphash.MakeSeed(), size: 1 << bits.Len(uint(max(size, 1)-1))}
}

// isEmpty reports whether the set is empty.
func (f *filter) isEmpty() bool { return f.words.Load() == nil }

// hash returns where a text is counted, in a namespace.
func (f *filter) hash(text string) uint64 { return maphash.String(f.seed, text) }

// mayHold reports whether a key with this hash may be in the set.
func (f *filter) mayHold(hash uint64) bool {
	words := f.words.Load()
	if words == nil {
		return false
	}
	word := (*words)[hash&uint64(len(*words)-1)].Load()
	for pick := range picks {
		if word>>shift(hash, pick)&maxCounter == 0 {
			return false
		}
	}
	return true
}

// shift returns where in its word a key's counter begins. The hash's upper bits choose it, since
// the lower ones chose the word.
func shift(hash uint64, pick int) uint {
	return uint(hash>>(64-(pick+1)*counterBits)&maxCounter) * counterBits
}

// add is called with the lock.
func (f *filter) add(hash uint64) {
	words := f.words.Load()
	if words == nil {
		made := make([]atomic.Uint64, f.size)
		words = &made
	}
	f.keys++
	at := &(*words)[hash&uint64(len(*words)-1)]
	word := at.Load()
	for pick := range picks {
		if by := shift(hash, pick); word>>by&maxCounter < maxCounter {
			word += 1 << by
		}
	}
	at.Store(word)
	f.words.Store(words)
}

// remove is called with the lock, once for each add.
func (f *filter) remove(hash uint64) {
	words := f.words.Load()
	if f.keys--; f.keys == 0 {
		f.words.Store(nil)
		return
	}
	at := &(*words)[hash&uint64(len(*words)-1)]
	word := at.Load()
	for pick := range picks {
		if by := shift(hash, pick); word>>by&maxCounter < maxCounter {
			word -= 1 << by
		}
	}
	at.Store(word)
}
