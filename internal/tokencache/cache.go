// Package tokencache remembers what is known about tokens, in bounded memory.
package tokencache

import (
	"strings"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

const (
	averageBytes = 4 << 10 // limit for the average entry
	shards       = 16
	minSharded   = 1024
)

// An Entry is what is known about one token. It never changes.
type Entry[T any] struct {
	Token string
	Value T

	bytes int64
}

// A Cache holds the most recently used entries. Look-ups compare the whole token. The cache is
// sharded, so cores seldom wait for each other. A nil Cache holds nothing. It is safe for
// concurrent use.
type Cache[T any] struct {
	shards   []shard[T]
	maxToken int
}

// New returns a Cache for size tokens, or for fewer if they take more than 4 KiB on average. A
// token longer than maxToken bytes is never in it.
func New[T any](size, maxToken int) *Cache[T] {
	if size <= 0 {
		return nil
	}
	n := 1
	if size >= minSharded {
		n = shards
	}
	c := &Cache[T]{shards: make([]shard[T], n), maxToken: maxToken}
	for i := range c.shards {
		c.shards[i].start(size / n)
	}
	return c
}

// Get returns a token's entry, or nil.
func (c *Cache[T]) Get(token string) *Entry[T] {
	if c == nil || len(token) > c.maxToken {
		return nil
	}
	return c.shard(token).get(token)
}

// Add adds or replaces a token's entry, which takes this much memory.
func (c *Cache[T]) Add(token string, value T, bytes int64) {
	if c == nil || len(token) > c.maxToken {
		return
	}
	token = strings.Clone(token) // it may be part of something large
	c.shard(token).add(&Entry[T]{Token: token, Value: value, bytes: bytes})
}

// Remove removes an entry, unless it was replaced meanwhile.
func (c *Cache[T]) Remove(e *Entry[T]) {
	if c != nil {
		c.shard(e.Token).remove(e)
	}
}

// shard picks a shard by the token's last bytes, which are close to random.
func (c *Cache[T]) shard(token string) *shard[T] {
	var sum int
	for _, b := range []byte(token[max(0, len(token)-8):]) {
		sum += int(b)
	}
	return &c.shards[sum%len(c.shards)]
}

type shard[T any] struct {
	latest atomic.Pointer[Entry[T]] // most recently used; read without the lock

	mu       sync.Mutex
	entries  *simplelru.LRU[string, *Entry[T]]
	bytes    int64
	maxBytes int64
}

func (s *shard[T]) start(size int) {
	s.maxBytes = int64(size) * averageBytes
	s.entries, _ = simplelru.NewLRU(size, func(_ string, e *Entry[T]) { // it fails only without a size
		s.bytes -= e.bytes
	})
}

func (s *shard[T]) get(token string) *Entry[T] {
	if e := s.latest.Load(); e != nil && e.Token == token {
		return e
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.entries.Get(token)
	if ok {
		s.latest.Store(e)
	}
	return e
}

func (s *shard[T]) add(e *Entry[T]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.entries.Remove(e.Token)
	s.entries.Add(e.Token, e)
	s.bytes += e.bytes
	for s.bytes > s.maxBytes && s.entries.Len() > 0 {
		s.entries.RemoveOldest()
	}
	s.latest.Store(nil)
}

func (s *shard[T]) remove(e *Entry[T]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if held, ok := s.entries.Peek(e.Token); ok && held == e {
		s.entries.Remove(e.Token)
	}
	s.latest.Store(nil)
}
