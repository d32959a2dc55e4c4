package tokencache

import (
	"math/bits"
	"sync/atomic"
)

// A table finds entries by hash and token. It's read without a lock, and written with one.
//
// It's made of chunks. A full chunk is replaced by two, or by a larger one, and isn't changed any
// more. So a reader never misses an entry that stays, and no writer waits until the whole table is
// rebuilt.
type table[T any] struct {
	directory atomic.Pointer[directory[T]]
	chunks    int // with the lock
}

// A directory lists the chunks by the first bits of their hashes. Several neighbors may be the same
// chunk.
type directory[T any] struct {
	depth  uint // how many bits
	chunks []atomic.Pointer[chunk[T]]
}

// A chunk holds the entries whose hashes begin with the same bits.
type chunk[T any] struct {
	depth  uint // how many bits are the same
	count  int  // with the lock
	groups []group[T]
}

// A group has the size of a cache line. Each tag is a byte of the hash of the entry in its slot, and
// 0 if there's none. Which group an entry belongs to is said by its hash's last bits.
type group[T any] struct {
	tags  atomic.Uint64
	slots [slots]atomic.Pointer[Entry[T]]
	next  atomic.Pointer[group[T]] // more entries that belong here
}

const (
	slots     = 6
	enough    = 4  // entries for each group on average
	maxGroups = 32 // in a chunk, without those in chains
	maxListed = 16 // places in the directory for each chunk on average, whatever the hashes are

	// maxAlike limits how long a look-up takes when hashes are the same.
	maxAlike = 16
)

func (t *table[T]) start() {
	d := &directory[T]{chunks: make([]atomic.Pointer[chunk[T]], 1)}
	d.chunks[0].Store(&chunk[T]{groups: make([]group[T], 1)})
	t.directory.Store(d)
	t.chunks = 1
}

// find returns a token's entry, or nil.
func (t *table[T]) find(hash uint64, token string) *Entry[T] {
	for g := t.directory.Load().chunk(hash).group(hash); g != nil; g = g.next.Load() {
		for m := g.matches(tagOf(hash)); m != 0; m &= m - 1 {
			if e := g.at(m); e != nil && e.Token == token {
				return e
			}
		}
	}
	return nil
}

// add returns false if too many entries have such a hash. The token has no entry yet.
func (t *table[T]) add(hash uint64, e *Entry[T], hashOf func(token string) uint64) bool {
	c := t.directory.Load().chunk(hash)
	if c.count >= enough*len(c.groups) {
		t.grow(hash, c, hashOf)
		c = t.directory.Load().chunk(hash)
	}
	if c.alike(hash, hashOf) >= maxAlike {
		return false
	}
	c.add(hash, e)
	return true
}

func (t *table[T]) remove(hash uint64, e *Entry[T]) {
	c := t.directory.Load().chunk(hash)
	for g := c.group(hash); g != nil; g = g.next.Load() {
		for i := range g.slots {
			if g.slots[i].Load() == e {
				g.tags.Store(g.tags.Load() &^ (0xFF << (8 * i)))
				g.slots[i].Store(nil)
				c.count--
				return
			}
		}
	}
}

// grow replaces a full chunk, unless its hashes are much too alike.
func (t *table[T]) grow(hash uint64, full *chunk[T], hashOf func(token string) uint64) {
	d := t.directory.Load()
	if len(full.groups) < maxGroups {
		larger := &chunk[T]{depth: full.depth, groups: make([]group[T], 2*len(full.groups))}
		full.copyTo(hashOf, larger)
		d.replace(hash, larger)
		return
	}
	if full.depth == d.depth {
		if len(d.chunks) >= maxListed*t.chunks {
			return
		}
		d = d.doubled()
	}
	t.chunks++
	var halves [2]*chunk[T]
	for i := range halves {
		halves[i] = &chunk[T]{depth: full.depth + 1, groups: make([]group[T], maxGroups)}
	}
	full.copyTo(hashOf, halves[:]...)
	bit := uint64(1) << (63 - full.depth)
	d.replace(hash&^bit, halves[0])
	d.replace(hash|bit, halves[1])
	t.directory.Store(d)
}

func (d *directory[T]) chunk(hash uint64) *chunk[T] { return d.chunks[hash>>(64-d.depth)].Load() }

// replace makes c the chunk for hash, and for all hashes that begin with the same bits.
func (d *directory[T]) replace(hash uint64, c *chunk[T]) {
	n := 1 << (d.depth - c.depth)
	first := int(hash>>(64-d.depth)) &^ (n - 1) //nolint:gosec // it's less than the number of chunks
	for i := range n {
		d.chunks[first+i].Store(c)
	}
}

func (d *directory[T]) doubled() *directory[T] {
	double := &directory[T]{depth: d.depth + 1, chunks: make([]atomic.Pointer[chunk[T]], 2*len(d.chunks))}
	for i := range double.chunks {
		double.chunks[i].Store(d.chunks[i/2].Load())
	}
	return double
}

func (c *chunk[T]) group(hash uint64) *group[T] {
	return &c.groups[hash&uint64(len(c.groups)-1)] //nolint:gosec // there are a power of 2
}

// alike returns how many entries have the same hash.
func (c *chunk[T]) alike(hash uint64, hashOf func(token string) uint64) (n int) {
	for g := c.group(hash); g != nil; g = g.next.Load() {
		for m := g.matches(tagOf(hash)); m != 0; m &= m - 1 {
			if e := g.at(m); e != nil && hashOf(e.Token) == hash {
				n++
			}
		}
	}
	return n
}

func (c *chunk[T]) add(hash uint64, e *Entry[T]) {
	g := c.group(hash)
	for !g.add(tagOf(hash), e) {
		if g.next.Load() == nil {
			g.next.Store(&group[T]{})
		}
		g = g.next.Load()
	}
	c.count++
}

// copyTo adds the entries to a larger chunk, or to two by the first bit in which they differ.
func (c *chunk[T]) copyTo(hashOf func(token string) uint64, to ...*chunk[T]) {
	for i := range c.groups {
		for g := &c.groups[i]; g != nil; g = g.next.Load() {
			for j := range g.slots {
				if e := g.slots[j].Load(); e != nil {
					hash := hashOf(e.Token)
					half := hash >> (63 - c.depth) & uint64(len(to)-1) //nolint:gosec // there are one or two
					to[half].add(hash, e)
				}
			}
		}
	}
}

func tagOf(hash uint64) uint64 { return max(hash>>32&0xFF, 1) }

// matches has a bit set for each slot whose tag may be this one.
func (g *group[T]) matches(tag uint64) uint64 {
	const each, top = 0x0101_0101_0101, 0x8080_8080_8080
	differ := g.tags.Load() ^ tag*each
	return (differ - each) &^ differ & top
}

// at returns the entry that the first match is about.
func (g *group[T]) at(matches uint64) *Entry[T] {
	return g.slots[bits.TrailingZeros64(matches)/8].Load()
}

// add returns false if all slots are taken.
func (g *group[T]) add(tag uint64, e *Entry[T]) bool {
	for i := range g.slots {
		if g.slots[i].Load() == nil {
			g.slots[i].Store(e)
			g.tags.Store(g.tags.Load() | tag<<(8*i))
			return true
		}
	}
	return false
}
