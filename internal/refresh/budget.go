package refresh

import (
	"sync"
	"time"
)

// A Budget bounds the fetches that strangers can cause: a burst, then one per refill.
// A nil Budget allows all. It is safe for concurrent use, by any number of Sources.
type Budget struct {
	burst  int
	refill time.Duration // for each one that was spent

	mu    sync.Mutex
	spent int
	next  time.Time // when the first spent one returns
}

// NewBudget returns a full Budget.
func NewBudget(burst int, refill time.Duration) *Budget {
	return &Budget{burst: burst, refill: refill}
}

// Take spends one fetch, or returns how long until there is one.
func (b *Budget) Take(now time.Time) time.Duration {
	if b == nil {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.spent > 0 && HasCome(b.next, now) {
		b.spent--
		b.next = b.next.Add(b.refill)
	}
	if b.spent == b.burst {
		return b.next.Sub(now)
	}
	if b.spent == 0 {
		b.next = now.Add(b.refill)
	}
	b.spent++
	return 0
}

func (b *Budget) giveBack() {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.spent = max(0, b.spent-1)
}
