package verifier

import (
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/oidcrpc/oidcrpc/internal/jwks"
	"github.com/oidcrpc/oidcrpc/internal/refresh"
)

// The budget for unknown key IDs: a burst of fetches, then one per refill. The refill is also how
// long such tokens can hide a key rotation.
const (
	unknownKidBurst  = 4
	unknownKidRefill = 10 * time.Second
)

// maxAbsentKeys limits the memory for made-up key names.
const maxAbsentKeys = 256

// absentKeys remembers keys that tokens named and no key set had. Such a key is looked for again:
//
//   - Never within 10 seconds after a fetch that didn't find it. A longer time would let an
//     attacker who guesses the next rotation's kid block it.
//   - Once a minute, for tokens issued more than a minute before the latest fetch. A newer key
//     can't have signed them, but an issuer may publish a key late.
//   - Like any unknown key, for newer tokens.
type absentKeys struct {
	old *refresh.Budget // for tokens older than the latest fetch

	mu    sync.Mutex
	named *simplelru.LRU[jwks.Name, time.Time] // when a token last named the key; nil before the first
}

// publishedLate is how long after its first token a key may appear in the key set.
const publishedLate = time.Minute

func (a *absentKeys) remember(name jwks.Name) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.named == nil {
		a.named, _ = simplelru.NewLRU[jwks.Name, time.Time](maxAbsentKeys, nil) // it fails only without a size
	}
	a.named.Add(name.Clone(), time.Now())
}

func (a *absentKeys) lastNamed(name jwks.Name) (at time.Time, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.named == nil {
		return at, false
	}
	return a.named.Get(name)
}

// knows reports whether a key counts as absent without another fetch. The set requested at asked
// lacks it.
func (a *absentKeys) knows(name jwks.Name, asked, issuedAt time.Time) bool {
	now := time.Now()
	named, ok := a.lastNamed(name)
	if !ok {
		return false
	}
	if !refresh.HasCome(named.Add(unknownKidRefill), now) && !refresh.HasCome(asked.Add(unknownKidRefill), now) {
		a.remember(name)
		return true
	}
	isOld := !issuedAt.IsZero() && issuedAt.Add(publishedLate).Before(asked)
	return isOld && a.old.Take(now) > 0
}
