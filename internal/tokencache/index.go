package tokencache

import (
	"hash/maphash"
	"sync"
)

// An Index finds the entries of several caches, whose limits are their own. A token has one entry
// at most. It is safe for concurrent use.
//
// Finding an entry takes no lock and, for one that's in use, writes nothing. So cores don't slow
// each other down.
type Index[T any] struct {
	seed     maphash.Seed
	maxToken int
	hashed   int // how many of a token's last bytes
	table    table[T]

	mu sync.Mutex // held by whatever changes the table and the rings
}

// NewIndex returns an Index. A token longer than maxToken bytes is never in it. Of each token only
// the last bytes are hashed, as many as it says. They should be close to random, as in a signature:
// few tokens that agree in them are held at a time.
func NewIndex[T any](maxToken, hashed int) *Index[T] {
	x := &Index[T]{seed: maphash.MakeSeed(), maxToken: maxToken, hashed: hashed}
	x.table.start()
	return x
}

// Get returns a token's entry, in whichever cache, or nil.
func (x *Index[T]) Get(token string) *Entry[T] {
	if x == nil || len(token) > x.maxToken {
		return nil
	}
	e := x.table.find(x.hash(token), token)
	if e != nil {
		e.use()
	}
	return e
}

func (x *Index[T]) hash(token string) uint64 {
	return maphash.String(x.seed, token[max(0, len(token)-x.hashed):])
}

// add replaces the token's entry. It evicts entries from r alone.
func (x *Index[T]) add(r *ring[T], e *Entry[T]) {
	x.mu.Lock()
	defer x.mu.Unlock()
	hash := x.hash(e.Token)
	if old := x.table.find(hash, e.Token); old != nil {
		x.drop(hash, old)
	}
	if int64(e.bytes) > r.maxBytes {
		return
	}
	hasEvicted := false
	for r.isFull(e.bytes) {
		evicted := r.next()
		x.drop(x.hash(evicted.Token), evicted)
		hasEvicted = true
	}
	if x.table.add(hash, e, x.hash) {
		r.add(e, hasEvicted && len(r.entries) > 0)
	}
}

// remove removes an entry, unless it was removed or replaced meanwhile.
func (x *Index[T]) remove(e *Entry[T]) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if e.owner != nil && e.at != notHeld {
		x.drop(x.hash(e.Token), e)
	}
}

func (x *Index[T]) drop(hash uint64, e *Entry[T]) {
	x.table.remove(hash, e)
	e.owner.remove(e)
}

// maxCleared is how many entries are removed at a time, so no call waits for many.
const maxCleared = 256

// clear removes all entries in r, which takes no more.
func (x *Index[T]) clear(r *ring[T]) {
	for isEmpty := false; !isEmpty; {
		isEmpty = x.clearSome(r)
	}
}

func (x *Index[T]) clearSome(r *ring[T]) (isEmpty bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	r.maxBytes = -1
	for range min(maxCleared, len(r.entries)) {
		last := r.entries[len(r.entries)-1]
		x.drop(x.hash(last.Token), last)
	}
	return len(r.entries) == 0
}
