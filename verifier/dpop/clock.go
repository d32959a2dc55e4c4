package dpop

import (
	"crypto/rand"
	"sync"
	"time"
)

// An era is a time in which no accepted proof was forgotten too soon. It begins with the process,
// which doesn't know its predecessor's proofs, and again when the clock is set back, since
// proofs whose time was over may then seem new.
type era struct {
	id eraID
	n  int

	// doubtUntil bounds the proofs that may have been accepted before the era: by their own word
	// they were made until then. A nonce with the era's id proves that a proof was made later.
	doubtUntil time.Time
}

const eraIDBytes = 8

// An eraID is random, so it tells the eras of all replicas apart.
type eraID [eraIDBytes]byte

// A clock notices when the time of day is set back.
type clock struct {
	leeway time.Duration
	wall   func() time.Time // time.Now, but in tests

	mu     sync.Mutex
	latest time.Time
	era    era
}

// setBack is how far the clock may go back unnoticed. Proofs are remembered for so much longer
// than they are accepted.
const setBack = 30 * time.Second

// newClock returns a clock whose first era begins now. Nothing is in doubt if what the process's
// predecessors accepted is remembered elsewhere.
func newClock(leeway time.Duration, isShared bool) *clock {
	c := &clock{leeway: leeway, wall: time.Now}
	c.latest = c.wall().Round(0) // without a monotonic reading
	c.begin()
	if isShared {
		c.era.doubtUntil = time.Time{}
	}
	return c
}

func (c *clock) begin() {
	c.era.n++
	if until := c.latest.Add(c.leeway); until.After(c.era.doubtUntil) {
		c.era.doubtUntil = until
	}
	_, _ = rand.Read(c.era.id[:]) // it never fails
}

// now returns the time of day, and the era it's in.
func (c *clock) now() (time.Time, era) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.wall().Round(0)
	switch {
	case now.After(c.latest):
		c.latest = now
	case c.latest.Sub(now) > setBack:
		c.begin()
		c.latest = now
	}
	return now, c.era
}
