// Package tokencache remembers what is known about tokens, in bounded memory.
package tokencache

import (
	"math"
	"strings"
)

const averageBytes = 4 << 10 // limit for the average entry

// A Cache holds entries up to a limit, and forgets first what wasn't used lately. Look-ups compare
// the whole token, and cores don't wait for each other. A nil Cache holds nothing. It is safe for
// concurrent use.
type Cache[T any] struct {
	index *Index[T]
	ring  ring[T]
}

// New returns a Cache for size tokens, or for fewer if they take more than 4 KiB on average. A
// token longer than maxToken bytes is never in it.
func New[T any](size, maxToken int) *Cache[T] {
	if size <= 0 {
		return nil
	}
	return NewIndex[T](maxToken, maxToken).NewCache(size)
}

// NewCache returns a Cache whose entries x finds, too. It evicts none from another Cache.
func (x *Index[T]) NewCache(size int) *Cache[T] {
	if size <= 0 {
		return nil
	}
	return &Cache[T]{index: x, ring: ring[T]{size: size, maxBytes: int64(size) * averageBytes}}
}

// Get returns a token's entry, or nil.
func (c *Cache[T]) Get(token string) *Entry[T] {
	if c == nil {
		return nil
	}
	if e := c.index.Get(token); e != nil && e.owner == &c.ring {
		return e
	}
	return nil
}

// Add adds or replaces a token's entry, which takes this much memory.
func (c *Cache[T]) Add(token string, value T, bytes int64) {
	if c == nil || len(token) > c.index.maxToken {
		return
	}
	c.Put(strings.Clone(token), value, bytes) // it may be part of something large
}

// Put does what Add does, for a token that isn't part of anything large.
func (c *Cache[T]) Put(token string, value T, bytes int64) {
	if c == nil || len(token) > c.index.maxToken {
		return
	}
	size := uint32(min(max(bytes, 0), math.MaxUint32))
	c.index.add(&c.ring, &Entry[T]{Token: token, Value: value, owner: &c.ring, bytes: size, at: notHeld})
}

// Remove removes an entry, unless it was replaced meanwhile.
func (c *Cache[T]) Remove(e *Entry[T]) {
	if c != nil {
		c.index.remove(e)
	}
}

// Close removes all entries. The Cache takes no more.
func (c *Cache[T]) Close() {
	if c != nil {
		c.index.clear(&c.ring)
	}
}
