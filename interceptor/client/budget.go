package client

import "sync/atomic"

// A retryBudget allows for a burst of retries, as when a thousand calls are under way while their
// token expires. After that, ten calls that succeed pay for one retry. So a server that refuses
// every token sees no storm.
type retryBudget struct{ tenths atomic.Int64 }

const maxRetries = 1000

func (b *retryBudget) fill() { b.tenths.Store(10 * maxRetries) }

func (b *retryBudget) refill() {
	if b.tenths.Load() < 10*maxRetries { // calls at the same time may pass it, by a tenth each
		b.tenths.Add(1)
	}
}

func (b *retryBudget) take() bool {
	if b.tenths.Add(-10) >= 0 {
		return true
	}
	b.tenths.Add(10)
	return false
}
