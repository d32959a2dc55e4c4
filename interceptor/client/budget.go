package client

import "sync/atomic"

// A retryBudget allows for a burst of retries, as when a thousand calls are under way while their
// token expires. A retry that succeeds costs nothing in the end, and ten other calls that succeed
// pay for one retry. So a server that refuses every token sees no storm.
type retryBudget struct{ tenths atomic.Int64 }

const maxRetries = 1000

func (b *retryBudget) fill() { b.tenths.Store(10 * maxRetries) }

// refill pays a tenth for a call that has succeeded, and ten for a retry.
func (b *retryBudget) refill(tenths int64) {
	if b.tenths.Load() < 10*maxRetries { // calls at the same time may pass it, by what each pays
		b.tenths.Add(tenths)
	}
}

func (b *retryBudget) take() bool {
	if b.tenths.Add(-10) >= 0 {
		return true
	}
	b.tenths.Add(10)
	return false
}
