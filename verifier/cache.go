package verifier

import (
	"github.com/oidcrpc/oidcrpc/internal/jwks"
	"github.com/oidcrpc/oidcrpc/internal/jws"
	"github.com/oidcrpc/oidcrpc/internal/tokencache"
)

// A tokenCache holds the most recently used tokens that have passed verification, so forged ones
// can't evict any.
type tokenCache = *tokencache.Cache[remembered]

// newTokenCache returns a cache for size tokens, or for fewer if they are large.
func newTokenCache(size int) tokenCache { return tokencache.New[remembered](size, maxTokenBytes) }

// remembered is what a verified token's verdict rests on. Whatever can change later is checked on
// every use.
type remembered struct {
	name   jwks.Name // of the key
	key    *jws.Key
	claims *Claims
	data   *claims // what claims said then, even if overwritten since
}

const tokenOverhead = 768 // bytes per token besides its texts

// size estimates the memory that a token and r use: the encoded and decoded token, the lists in
// its claims, and the rest.
func (r remembered) size(token string) int64 {
	const wordBytes = 16
	c := r.data
	words := cap(c.audience) + cap(c.scopes) + cap(c.permissions)
	return int64(len(token) + len(c.payload) + words*wordBytes + tokenOverhead)
}
