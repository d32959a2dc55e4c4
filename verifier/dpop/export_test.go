package dpop

import "time"

// SetBack sets the clock that c sees back.
func (c *Checker) SetBack(by time.Duration) {
	before := c.clock.wall
	c.clock.wall = func() time.Time { return before().Add(-by) }
}

// Held returns how many proofs are remembered.
func (c *Checker) Held() int {
	c.memory.mu.Lock()
	defer c.memory.mu.Unlock()
	return c.memory.held
}

// Remember adds a proof that has passed every check.
func (c *Checker) Remember(thumbprint, jti string, until time.Time) error {
	now, era := c.clock.now()
	return c.memory.add(now, era, newProofID(thumbprint, jti), thumbprint, until)
}

// Normalize returns a URI's only spelling.
func Normalize(uri string) (string, bool) { return normalize(uri) }
