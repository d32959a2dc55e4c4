package verifier

import (
	"strings"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

// maxAbsentKids bounds the memory that tokens of made-up keys can take.
const maxAbsentKids = 256

// absentKids remembers the kids that tokens named and that no key has, with the time
// when one last did: the same bad token, sent again and again, must not spend what a
// rotation needs. A kid is taken for absent for one refill of the bucket after a fetch
// that has shown it, and no longer, or whoever guesses the kid of the next key could have
// it refused. A kid that nobody has named lately is never.
type absentKids struct {
	named *lru.Cache[string, time.Time]
}

func newAbsentKids() (absentKids, error) {
	named, err := lru.New[string, time.Time](maxAbsentKids)
	return absentKids{named}, err
}

// remember keeps a copy of kid, which may be a part of something large.
func (a absentKids) remember(kid string, now time.Time) { a.named.Add(strings.Clone(kid), now) }

// knows reports whether kid, which a set asked for at that time lacks, is to be taken for
// absent without another fetch.
func (a absentKids) knows(kid string, asked, now time.Time) bool {
	named, ok := a.named.Get(kid)
	if !ok || now.Sub(named) >= unknownKidRefill || now.Sub(asked) >= unknownKidRefill {
		return false
	}
	a.remember(kid, now)
	return true
}
