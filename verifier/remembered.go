package verifier

import (
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/oidcrpc/oidcrpc/internal/jws"
)

// A remembered token was verified in full. What can have become wrong since is
// checked at every use.
type remembered struct {
	token  string
	claims Claims
	kid    string
	key    *jws.Key
}

// recall returns the claims of a token that was verified before and would be again,
// or nil.
func (v *Verifier) recall(token string) *Claims {
	r := v.tokens.get(token)
	if r == nil {
		return nil
	}
	if !v.keys.holds(r.kid, r.key) || v.checkTimes(&r.claims, time.Now()) != nil {
		v.tokens.remove(r)
		return nil
	}
	return &r.claims
}

const (
	averageTokenBytes = 4 << 10 // what a token may take on average
	tokenOverhead     = 640     // what it takes beside its texts
	tokenShards       = 16
	minShardedTokens  = 1024
)

// A tokenCache holds the tokens that were used last. Only verified tokens get into
// it, so that no forged one can push another out. A token is found by all of its bytes:
// no other one is taken for it.
type tokenCache []tokenShard // so that cores seldom wait for each other; none holds nothing

// newTokenCache returns a cache of so many tokens, or of fewer if they are large.
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
	if shard := c.shard(token); shard != nil {
		return shard.get(token)
	}
	return nil
}

func (c tokenCache) add(r *remembered) {
	if shard := c.shard(r.token); shard != nil {
		r.token = strings.Clone(r.token) // it may be a part of something large
		shard.add(r)
	}
}

func (c tokenCache) remove(r *remembered) { c.shard(r.token).remove(r.token) }

// shard chooses by the end of the signature, which is as good as random.
func (c tokenCache) shard(token string) *tokenShard {
	if len(c) == 0 {
		return nil
	}
	var sum int
	for _, c := range []byte(token[max(0, len(token)-8):]) {
		sum += int(c)
	}
	return &c[sum%len(c)]
}

type tokenShard struct {
	latest atomic.Pointer[remembered] // the one used last, which needs no lock

	mu       sync.Mutex
	tokens   *simplelru.LRU[string, *remembered]
	bytes    int
	maxBytes int
}

func (s *tokenShard) start(size int) {
	s.maxBytes = size * averageTokenBytes
	s.tokens, _ = simplelru.NewLRU(size, func(_ string, r *remembered) { // it fails for no size only
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
	for s.bytes > s.maxBytes {
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

// size estimates the memory that r takes: the texts of the token, encoded and
// decoded, the lists of its claims, and the rest.
func (r *remembered) size() int {
	const wordBytes = 16
	words := cap(r.claims.audience) + cap(r.claims.scopes) + cap(r.claims.permissions)
	return len(r.token) + len(r.token)*3/4 + words*wordBytes + tokenOverhead
}
