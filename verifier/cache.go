package verifier

import (
	"strings"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/oidcrpc/oidcrpc/internal/jwks"
	"github.com/oidcrpc/oidcrpc/internal/jws"
)

const (
	averageTokenBytes = 4 << 10 // limit for the average token
	tokenOverhead     = 768     // bytes per token besides its texts
	tokenShards       = 16
	minShardedTokens  = 1024
)

// A remembered token has passed verification. Whatever can change later is checked on every use.
type remembered struct {
	token  string
	name   jwks.Name // of the key
	key    *jws.Key
	claims *Claims
	data   *claims // what claims said then, even if overwritten since
}

// A tokenCache holds the most recently used tokens. It accepts only verified tokens, so forged
// ones can't evict any, and lookups compare the whole token. The cache is sharded, so cores
// seldom wait for each other. A nil tokenCache holds nothing.
type tokenCache []tokenShard

// newTokenCache returns a cache for size tokens, or for fewer if they are large.
func newTokenCache(size int) tokenCache {
	if size <= 0 {
		return nil
	}
	shards := 1
	if size >= minShardedTokens {
		shards = tokenShards
	}
	cache := make(tokenCache, shards)
	for i := range cache {
		cache[i].start(size / shards)
	}
	return cache
}

func (c tokenCache) get(token string) *remembered {
	if len(token) > maxTokenBytes {
		return nil // too long to be in the cache
	}
	if shard := c.shard(token); shard != nil {
		return shard.get(token)
	}
	return nil
}

func (c tokenCache) add(r *remembered) {
	if shard := c.shard(r.token); shard != nil {
		r.token = strings.Clone(r.token) // this or the name may be part of something large
		r.name = r.name.Clone()
		shard.add(r)
	}
}

func (c tokenCache) remove(r *remembered) { c.shard(r.token).remove(r.token) }

// shard picks a shard by the signature's last bytes, which are close to random.
func (c tokenCache) shard(token string) *tokenShard {
	if len(c) == 0 {
		return nil
	}
	var sum int
	for _, b := range []byte(token[max(0, len(token)-8):]) {
		sum += int(b)
	}
	return &c[sum%len(c)]
}

type tokenShard struct {
	latest atomic.Pointer[remembered] // most recently used; read without the lock

	mu       sync.Mutex
	tokens   *simplelru.LRU[string, *remembered]
	bytes    int64
	maxBytes int64
}

func (s *tokenShard) start(size int) {
	s.maxBytes = int64(size) * averageTokenBytes
	s.tokens, _ = simplelru.NewLRU(size, func(_ string, r *remembered) { // it fails only without a size
		s.bytes -= r.size()
	})
}

func (s *tokenShard) get(token string) *remembered {
	if r := s.latest.Load(); r != nil && r.token == token {
		return r
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.tokens.Get(token)
	if ok {
		s.latest.Store(r)
	}
	return r
}

func (s *tokenShard) add(r *remembered) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens.Remove(r.token)
	s.tokens.Add(r.token, r)
	s.bytes += r.size()
	for s.bytes > s.maxBytes && s.tokens.Len() > 0 {
		s.tokens.RemoveOldest()
	}
	s.latest.Store(nil)
}

func (s *tokenShard) remove(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens.Remove(token)
	s.latest.Store(nil)
}

// size estimates the memory r uses: the encoded and decoded token, the lists in its claims, and
// the rest.
func (r *remembered) size() int64 {
	const wordBytes = 16
	c := r.data
	words := cap(c.audience) + cap(c.scopes) + cap(c.permissions)
	return int64(len(r.token) + len(c.payload) + words*wordBytes + tokenOverhead)
}
