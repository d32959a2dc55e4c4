package refresh

import (
	"sync"
	"time"
)

// A Budget limits the fetches caused by untrusted input: a burst at first, then one per refill
// interval. A nil Budget is unlimited. It is safe for concurrent use, also by several Sources.
type Budget struct {
	burst  int
	refill time.Duration // how long until one spent fetch returns

	mu    sync.Mutex
	spent int
	next  time.Time // when the next spent fetch returns
}

// NewBudget returns a full Budget.
func NewBudget(burst int, refill time.Duration) *Budget {
	return &Budget{burst: burst, refill: refill}
}

// Take spends one fetch and returns 0, or returns how long until one is available.
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

// fill undoes all spending.
func (b *Budget) fill() {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.spent = 0
}
