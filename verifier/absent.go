package verifier

import (
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

// maxAbsentKids bounds the memory that tokens of made-up keys can take.
const maxAbsentKids = 256

// absentKids remembers the kids that tokens named and that a fetch has just shown to
// be absent, with the time of that fetch: the same bad token, sent again and again,
// must not spend what a rotation needs. It forgets each after one refill of the
// bucket, or whoever guesses the kid of the next key could have it refused.
type absentKids struct {
	proven *lru.Cache[string, time.Time]
}

func newAbsentKids() (absentKids, error) {
	proven, err := lru.New[string, time.Time](maxAbsentKids)
	return absentKids{proven}, err
}

func (a absentKids) remember(kid string, asked time.Time) { a.proven.Add(kid, asked) }

// knows reports whether kid, which a set asked for at that time lacks, is remembered.
// The set is then the newer proof.
func (a absentKids) knows(kid string, asked, now time.Time) bool {
	proven, ok := a.proven.Get(kid)
	if !ok {
		return false
	}
	if !now.Before(proven.Add(unknownKidRefill)) {
		a.proven.Remove(kid)
		return false
	}
	if asked.After(proven) {
		a.proven.Add(kid, asked)
	}
	return true
}
