package revocation

import (
	"hash/maphash"
	"iter"
	"sync/atomic"
)

// A filter says at once that most keys are not in a set. For the others it says maybe. It's read
// without a lock, and written with one. The issuer isn't looked at.
//
// Each key belongs to one word, and counts in three of the word's 16 counters. Counting lets a
// key be taken out again. A counter that is full stays so, which costs a look-up and hides
// nothing.
//
// It grows with the set, since the fewer words there are, the more of them are at hand. With at
// least two for each key, it says maybe for one other key in 250.
type filter struct {
	seed  maphash.Seed
	words atomic.Pointer[words] // nil while the set is empty
	keys  int
}

type words []atomic.Uint64

const (
	minWords    = 1024 // 8 KiB
	wordsPerKey = 2
)

func newFilter() *filter { return &filter{seed: maphash.MakeSeed()} }

// load returns nil if the set is empty.
func (f *filter) load() *words { return f.words.Load() }

// mayHold reports whether a key may be in the set. No key has an empty value.
func (f *filter) mayHold(w *words, kind kind, value string) bool {
	if value == "" {
		return false
	}
	hash := f.hash(kind, value)
	word := w.at(hash).Load()
	return word>>shift(hash, 1)&maxCounter != 0 &&
		word>>shift(hash, 2)&maxCounter != 0 &&
		word>>shift(hash, 3)&maxCounter != 0
}

func (f *filter) hash(kind kind, value string) uint64 {
	return maphash.String(f.seed, value) + uint64(kind)*0x111<<52 // which moves its counters
}

const (
	counterBits = 4
	maxCounter  = 1<<counterBits - 1
	picks       = 3
)

// at returns the word for a hash, by its lower bits.
func (w *words) at(hash uint64) *atomic.Uint64 {
	return &(*w)[hash&uint64(len(*w)-1)] //nolint:gosec // there are a power of 2
}

// shift returns where in its word a hash has one of its counters, by its upper bits.
func shift(hash uint64, pick int) uint64 {
	return hash >> (64 - pick*counterBits) & maxCounter * counterBits
}

// add is called with the lock. It takes the keys that are in the set, in case it must grow.
func (f *filter) add(kind kind, value string, held iter.Seq[key]) {
	w := f.words.Load()
	if w == nil {
		made := make(words, minWords)
		w = &made
	}
	if f.keys++; f.keys*wordsPerKey > len(*w) {
		made := make(words, 2*len(*w))
		w = &made
		for k := range held {
			f.count(w, f.hash(k.kind, k.value), 1)
		}
	}
	f.count(w, f.hash(kind, value), 1)
	f.words.Store(w)
}

// remove is called with the lock, once for each add.
func (f *filter) remove(kind kind, value string) {
	if f.keys--; f.keys == 0 {
		f.words.Store(nil)
		return
	}
	const less = ^uint64(0) // -1, as it wraps around
	f.count(f.words.Load(), f.hash(kind, value), less)
}

// count adds to a key's counters, except for full ones.
func (f *filter) count(w *words, hash, by uint64) {
	at := w.at(hash)
	word := at.Load()
	for pick := range picks {
		if s := shift(hash, pick+1); word>>s&maxCounter < maxCounter {
			word += by << s
		}
	}
	at.Store(word)
}
