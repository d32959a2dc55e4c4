package verifier

import "time"

// What tokens of unknown key IDs can make us fetch: a burst, then one fetch per
// refill. It is also how long they can hide a rotation.
const (
	unknownKidBurst  = 4
	unknownKidRefill = 10 * time.Second
)

// A bucket limits what strangers can make us do.
type bucket struct {
	burst   int
	refill  time.Duration // for each token that was spent
	spent   int
	refills time.Time // when the first spent token returns
}

// take spends one token, or returns how long until there is one.
func (b *bucket) take(now time.Time) time.Duration {
	for b.spent > 0 && !now.Before(b.refills) {
		b.spent--
		b.refills = b.refills.Add(b.refill)
	}
	if b.spent == b.burst {
		return b.refills.Sub(now)
	}
	if b.spent == 0 {
		b.refills = now.Add(b.refill)
	}
	b.spent++
	return 0
}

func (b *bucket) giveBack() { b.spent = max(0, b.spent-1) }
