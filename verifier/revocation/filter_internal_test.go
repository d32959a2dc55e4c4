package revocation

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// The keys come and go, some of them many times over.
func TestAFilterHidesNoKey(t *testing.T) {
	const keys = 500
	f := newFilter(64) // so that counters get full
	counts := make(map[string]int)
	for range 20_000 {
		value := fmt.Sprint(rand.N(keys))
		if counts[value] > 0 && rand.N(2) == 0 {
			f.remove(bySubject, value)
			counts[value]--
		} else {
			f.add(bySubject, value)
			counts[value]++
		}
		for value, n := range counts {
			if n > 0 && !f.mayHold(f.load(), bySubject, value) {
				t.Fatalf("%q is held %d times, and can't be found", value, n)
			}
			if rand.N(50) == 0 {
				break // the map is in another order each time
			}
		}
	}
	for value, n := range counts {
		for range n {
			f.remove(bySubject, value)
		}
	}
	if f.load() != nil {
		t.Error("a filter without keys isn't empty")
	}
}

func TestAFilterSaysMaybeSeldom(t *testing.T) {
	const keys, tries = 100_000, 100_000
	f := newFilter(keys)
	for i := range keys {
		f.add(bySubject, fmt.Sprint("held ", i))
	}
	maybe := 0
	for i := range tries {
		if f.mayHold(f.load(), bySubject, fmt.Sprint("other ", i)) {
			maybe++
		}
	}
	if maybe > tries/200 {
		t.Errorf("%d of %d keys may be held", maybe, tries)
	}
	// The same text in another claim is another key.
	maybe = 0
	for i := range keys {
		if f.mayHold(f.load(), byClient, fmt.Sprint("held ", i)) {
			maybe++
		}
	}
	if maybe > keys/4 {
		t.Errorf("%d of %d keys may be held as another kind", maybe, keys)
	}
}

func TestAFilterHasTwoWordsForEachKey(t *testing.T) {
	for keys, want := range map[int]int{1: 2, 2: 4, 3: 8, 4: 8, 100_000: 1 << 18} {
		if got := newFilter(keys).size; got != want {
			t.Errorf("%d words for %d keys, want %d", got, keys, want)
		}
	}
}
