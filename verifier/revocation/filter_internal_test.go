package revocation

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// The keys come and go, some of them many times over.
func TestAFilterHidesNoKey(t *testing.T) {
	const keys = 3000 // so that the filter grows, and counters get full
	f := newFilter()
	counts := make(map[key]int)
	held := func(yield func(key) bool) {
		for k, n := range counts {
			for range n {
				if !yield(k) {
					return
				}
			}
		}
	}
	for range 30_000 {
		k := key{kind: bySubject, value: fmt.Sprint(rand.N(keys))}
		if rand.N(3) == 0 {
			k.value = "often"
		}
		if counts[k] > 0 && rand.N(3) == 0 {
			f.remove(k.kind, k.value)
			counts[k]--
		} else {
			f.add(k.kind, k.value, held)
			counts[k]++
		}
		for k, n := range counts {
			if n > 0 && !f.mayHold(f.load(), k.kind, k.value) {
				t.Fatalf("%v is held %d times, and can't be found", k, n)
			}
			if rand.N(20) == 0 {
				break // the map is in another order each time
			}
		}
	}
	if got := len(*f.load()); got < 8*minWords {
		t.Errorf("it has only %d words", got)
	}
	for k, n := range counts {
		for range n {
			f.remove(k.kind, k.value)
		}
	}
	if f.load() != nil {
		t.Error("a filter without keys isn't empty")
	}
}

// However many keys there are.
func TestAFilterSaysMaybeSeldom(t *testing.T) {
	const tries = 100_000
	for _, keys := range []int{100, 512, 100_000} {
		f := newFilter()
		held := make([]key, keys)
		for i := range held {
			held[i] = key{kind: bySubject, value: fmt.Sprint("held ", i)}
			f.add(bySubject, held[i].value, slices.Values(held[:i]))
		}
		maybe := 0
		for i := range tries {
			if f.mayHold(f.load(), bySubject, fmt.Sprint("other ", i)) {
				maybe++
			}
		}
		if maybe > tries/100 {
			t.Errorf("with %d keys, %d of %d others may be held", keys, maybe, tries)
		}
		// The same text in another claim is another key.
		maybe = 0
		for _, k := range held {
			if f.mayHold(f.load(), byClient, k.value) {
				maybe++
			}
		}
		if maybe > keys/4 {
			t.Errorf("%d of %d keys may be held as another kind", maybe, keys)
		}
	}
}
