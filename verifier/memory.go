package verifier

import (
	"sync/atomic"
	"time"

	"github.com/oidcrpc/oidcrpc/internal/jwks"
	"github.com/oidcrpc/oidcrpc/internal/jws"
	"github.com/oidcrpc/oidcrpc/internal/tokencache"
)

// A memory holds tokens that have passed a Verifier, so forged ones can't evict any. An index finds
// the tokens in several memories, and whose they are.
type memory struct {
	keys   *keys
	cache  *tokencache.Cache[remembered]
	signer atomic.Pointer[signer] // the latest
}

type (
	tokenIndex = *tokencache.Index[remembered]
	tokenEntry = tokencache.Entry[remembered]
)

func newTokenIndex() tokenIndex { return tokencache.NewIndex[remembered](maxTokenBytes) }

// remembered is what a verified token's verdict rests on. Whatever can change later is checked on
// every use.
type remembered struct {
	signer *signer
	claims *Claims
	data   *claims // what claims said then, even if overwritten since
}

// A signer is a key, under the name that tokens gave it. Tokens in a memory share it.
type signer struct {
	memory *memory
	name   jwks.Name
	key    *jws.Key
}

// recall returns the claims of a remembered token, if it would still pass verification.
func (m *memory) recall(token string) (*Claims, bool) {
	if entry := m.cache.Get(token); entry != nil {
		return m.reuse(entry)
	}
	return nil, false
}

// reuse returns the claims in one of the memory's entries, if its token would still pass
// verification.
func (m *memory) reuse(entry *tokenEntry) (*Claims, bool) {
	r := &entry.Value
	if r.claims.data != r.data || !m.keys.holds(r.signer.name, r.signer.key) ||
		checkTimes(r.claims, time.Now()) != nil {
		m.cache.Remove(entry)
		return nil, false
	}
	return r.claims, true
}

// remember keeps a token that has passed verification.
func (m *memory) remember(token string, claims *Claims, name jwks.Name, key *jws.Key) {
	r := remembered{signer: m.signerOf(name, key), claims: claims, data: claims.data}
	m.cache.Add(token, r, r.size(token))
}

// signerOf returns the latest signer if it's this one, since tokens in a row are often signed by
// the same key.
func (m *memory) signerOf(name jwks.Name, key *jws.Key) *signer {
	if s := m.signer.Load(); s != nil && s.name == name && s.key == key {
		return s
	}
	s := &signer{memory: m, name: name.Clone(), key: key} // the name may be part of something large
	m.signer.Store(s)
	return s
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
