package verifier

import (
	"strings"
	"sync/atomic"
	"time"

	"github.com/oidcrpc/oidcrpc/internal/jwks"
	"github.com/oidcrpc/oidcrpc/internal/jws"
	"github.com/oidcrpc/oidcrpc/internal/refresh"
	"github.com/oidcrpc/oidcrpc/internal/tokencache"
)

// A memory holds tokens that have passed a Verifier, so forged ones can't evict any. An index finds
// the tokens in several memories, and whose they are.
type memory struct {
	keys     *keys
	cache    *tokencache.Cache[remembered]
	profiles profiles
	signers  [4]atomic.Pointer[signer] // the latest
	oldest   atomic.Uint32             // the one to replace

	holder memoryHolder // or nil, and then its tokens may always be used
}

// A memoryHolder says whether the tokens in a memory may be used now.
type memoryHolder interface {
	inUse(m *memory, now time.Time) bool
}

type (
	tokenIndex = *tokencache.Index[remembered]
	tokenEntry = tokencache.Entry[remembered]
)

// newTokenIndex has tokens found by the end of their signature, which is close to random.
func newTokenIndex() tokenIndex { return tokencache.NewIndex[remembered](maxTokenBytes, 64) }

// remembered is what a verified token's verdict rests on. Whatever can change later is checked on
// every use.
type remembered struct {
	signer *signer
	claims *Claims
	period period
}

// A signer is a key, under the name that tokens gave it. Tokens in a memory share it.
type signer struct {
	memory *memory
	holder memoryHolder                    // the memory's, which is read here in fewer steps
	source *refresh.Source[*jwks.Document] // the memory's, too
	name   jwks.Name
	key    *jws.Key
	heldIn atomic.Uint64 // the number of the latest key set that was found to list it
}

// recall returns the claims of a remembered token, if it would still pass verification.
func (m *memory) recall(token string) (*Claims, bool) {
	if entry := m.cache.Get(token); entry != nil {
		return m.reuse(entry)
	}
	return nil, false
}

// recallAny does what recall does, whichever memory the token is in.
func recallAny(index tokenIndex, token string) (*Claims, bool) {
	if entry := index.Get(token); entry != nil {
		return entry.Value.signer.memory.reuse(entry)
	}
	return nil, false
}

// reuse returns the claims in one of the memory's entries, if its token would still pass
// verification.
func (m *memory) reuse(entry *tokenEntry) (*Claims, bool) {
	r := &entry.Value
	now := time.Now()
	if s := r.signer; s.holder != nil && !s.holder.inUse(m, now) {
		return nil, false
	}
	if r.claims.IsZero() || !r.signer.isListed(now) || !r.period.includes(now) {
		m.cache.Remove(entry)
		return nil, false
	}
	return r.claims, true
}

// isListed reports whether a usable key set still lists the key. It counts as a use of the keys, so
// it may start a background refresh. One look is enough for each key set, which never changes.
func (s *signer) isListed(now time.Time) bool {
	version := s.source.CurrentAt(now)
	switch {
	case version == nil:
		return false
	case version.Number() == s.heldIn.Load():
		return true
	case !version.Value.Holds(s.name, s.key):
		return false
	}
	s.heldIn.Store(version.Number())
	return true
}

// remember keeps a token that has passed verification, and returns claims to use instead of those
// that were read.
func (m *memory) remember(token string, read *Claims, name jwks.Name, key *jws.Key) *Claims {
	if m.cache == nil {
		return read
	}
	token = strings.Clone(token) // it may be part of something large
	kept := read.get().keep(token, &m.profiles)
	r := remembered{m.signerOf(name, key), kept, periodOf(kept)}
	m.cache.Put(token, r, int64(kept.get().bytes(token)))
	return kept
}

// signerOf returns one of the latest signers if it can: few keys sign most tokens.
func (m *memory) signerOf(name jwks.Name, key *jws.Key) *signer {
	for i := range m.signers {
		if s := m.signers[i].Load(); s != nil && s.name == name && s.key == key {
			return s
		}
	}
	s := &signer{memory: m, holder: m.holder, source: m.keys.source, key: key}
	s.name = name.Clone() // it may be part of something large
	m.signers[m.oldest.Add(1)%uint32(len(m.signers))].Store(s)
	return s
}
