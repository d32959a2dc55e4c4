package client

import "sync/atomic"

// A retryBudget allows for a burst of retries, as when a thousand calls are under way while their
// token expires. A retry that succeeds costs nothing in the end, and ten other calls that succeed
// pay for one retry. So a server that refuses every token sees no storm.
type retryBudget struct{ tenths atomic.Int64 }

const (
	costOfRetry = 10 // in tenths; a call that succeeds pays one
	fullBudget  = 1000 * costOfRetry
)

func (b *retryBudget) fill() { b.tenths.Store(fullBudget) }

// refill pays for a call that has succeeded: what it cost if it was a retry.
func (b *retryBudget) refill(tenths int64) {
	if b.tenths.Load() < fullBudget { // calls at the same time may pass it, by what each pays
		b.tenths.Add(tenths)
	}
}

func (b *retryBudget) take() bool {
	if b.tenths.Add(-costOfRetry) >= 0 {
		return true
	}
	b.tenths.Add(costOfRetry)
	return false
}
