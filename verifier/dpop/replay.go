package dpop

import (
	"context"
	"crypto/sha256"
	"errors"
	"hash/maphash"
	"sync"
	"time"
)

// Replays remember accepted proofs for several replicas, in a store they share. With Redis, Add is
// one SET with NX and PXAT.
type Replays interface {
	// Add remembers a proof's id until then, or longer. It returns false if the store remembers it
	// already. If several calls add one id at once, exactly one may return true. The store must
	// never forget an id early, for example to make room.
	//
	// The id has 43 characters in base64url. The ctx is the call's own, so set a limit. An error
	// makes the call Unavailable, and only the observer sees it. Add must be safe
	// for concurrent use.
	Add(ctx context.Context, id string, until time.Time) (added bool, err error)
}

// A proofID stands for the key and the jti of a proof. It's a hash, so a long jti takes no more
// memory, and only the key's holder can choose it.
type proofID [sha256.Size]byte

func newProofID(thumbprint, jti string) proofID {
	return sha256.Sum256([]byte(thumbprint + "." + jti)) // a thumbprint has no dot
}

// A memory remembers accepted proofs, in slices by when their time is over. A proof always belongs
// in the same slice, and a slice is forgotten as a whole.
type memory struct {
	maxProofs, maxShare int
	slice               time.Duration
	seed                maphash.Seed

	mu        sync.Mutex
	era       int
	slices    map[int64]*memorySlice // by number
	forgotten int64                  // the last number that was forgotten
	held      int
	shares    [shareCounters]int // proofs held for all keys that count there
}

type memorySlice struct {
	proofs map[memoryKey]struct{}
	shares map[int]int
}

// A memoryKey is a proofID's first half.
type memoryKey [sha256.Size / 2]byte

const (
	// slicesPerWindow says how much longer than necessary a proof may be remembered.
	slicesPerWindow = 8

	// maxShareOf is the fraction that one key may take, so that no client keeps out the others.
	maxShareOf = 4

	// shareCounters bounds what counting takes. Two keys may count together, which seldom
	// matters, since a client can't choose with whom.
	shareCounters = 8192
)

func newMemory(maxProofs int, window time.Duration) *memory {
	return &memory{
		maxProofs: maxProofs,
		maxShare:  max(1, maxProofs/maxShareOf),
		slice:     max(time.Second, window/slicesPerWindow),
		seed:      maphash.MakeSeed(),
		slices:    make(map[int64]*memorySlice),
	}
}

// Why a proof can't be added to a memory.
var (
	errSeen      = errors.New("the proof was accepted before")
	errForgotten = errors.New("the proof may have been accepted before, and then forgotten")
)

// A fullError says that a memory has no room, and when it will.
type fullError struct {
	retryAfter time.Duration
	oneKey     bool
}

func (e *fullError) Error() string {
	if e.oneKey {
		return "one key has taken its share of Config.MaxProofs, a quarter"
	}
	return "Config.MaxProofs are remembered"
}

// add remembers a proof until its time is over. A full memory forgets nothing for it.
func (m *memory) add(now time.Time, e era, id proofID, thumbprint string, until time.Time) error {
	number := until.UnixNano()/int64(m.slice) + 1
	share := int(maphash.String(m.seed, thumbprint) % shareCounters)
	key := memoryKey(id[:len(memoryKey{})])
	m.mu.Lock()
	defer m.mu.Unlock()
	m.enter(e)
	m.forget(now)
	if e.n < m.era || number <= m.forgotten {
		return errForgotten
	}
	s := m.slices[number]
	if s != nil {
		if _, ok := s.proofs[key]; ok {
			return errSeen
		}
	}
	if m.held >= m.maxProofs || m.shares[share] >= m.maxShare {
		return &fullError{m.untilRoom(now), m.held < m.maxProofs}
	}
	if s == nil {
		s = &memorySlice{proofs: make(map[memoryKey]struct{}), shares: make(map[int]int)}
		m.slices[number] = s
	}
	s.proofs[key] = struct{}{}
	s.shares[share]++
	m.shares[share]++
	m.held++
	return nil
}

// enter begins a new era with nothing remembered: all proofs before it are in doubt anyway.
func (m *memory) enter(e era) {
	if e.n <= m.era {
		return
	}
	m.era, m.held, m.forgotten = e.n, 0, 0
	clear(m.slices)
	clear(m.shares[:])
}

// forget drops the slices whose proofs are over, even on a clock that is a little back.
func (m *memory) forget(now time.Time) {
	last := now.Add(-setBack).UnixNano() / int64(m.slice)
	if last <= m.forgotten {
		return
	}
	m.forgotten = last
	for number, s := range m.slices {
		if number > last {
			continue
		}
		m.held -= len(s.proofs)
		for share, n := range s.shares {
			m.shares[share] -= n
		}
		delete(m.slices, number)
	}
}

// untilRoom returns how long until the next slice is forgotten.
func (m *memory) untilRoom(now time.Time) time.Duration {
	next := int64(0)
	for number := range m.slices {
		if next == 0 || number < next {
			next = number
		}
	}
	return time.Unix(0, next*int64(m.slice)).Add(setBack).Sub(now)
}
