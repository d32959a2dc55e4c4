package tokencache

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
)

// While entries come and go around them, entries that stay are always found, and no token is taken
// for another.
func TestEntriesThatStayAreFoundAtAllTimes(t *testing.T) {
	t.Parallel()
	const stay, pass, changes = 500, 2000, 20_000
	x := NewIndex[string](100, 64)
	lasting, passing := x.NewCache(stay), x.NewCache(pass/4)
	for n := range stay {
		lasting.Add(fmt.Sprint("stay", n), fmt.Sprint("stay", n), 1)
	}
	var writers, readers sync.WaitGroup
	var isOver atomic.Bool
	for range 2 {
		writers.Go(func() {
			for range changes {
				token := fmt.Sprint("pass", rand.IntN(pass))
				if e := passing.Get(token); e != nil && rand.IntN(3) == 0 {
					passing.Remove(e)
				} else {
					passing.Add(token, token, 1)
				}
			}
		})
		readers.Go(func() {
			for n := 0; !isOver.Load(); n++ {
				if token := fmt.Sprint("stay", n%stay); x.Get(token) == nil {
					t.Errorf("%s is missing", token)
					return
				}
				token := fmt.Sprint("pass", n%pass)
				if e := x.Get(token); e != nil && (e.Token != token || e.Value != token) {
					t.Errorf("%s is taken for %s", token, e.Value)
					return
				}
			}
		})
	}
	writers.Wait()
	isOver.Store(true)
	readers.Wait()
	checkIndex(t, x, lasting, passing)
}

// Each token is added by one goroutine alone, which is the only one to remove it.
func TestNoChangeIsLost(t *testing.T) {
	t.Parallel()
	const goroutines, each = 4, 3000
	x := NewIndex[int](100, 64)
	c := x.NewCache(goroutines * each)
	var all sync.WaitGroup
	for g := range goroutines {
		all.Go(func() {
			for n := range each {
				token := fmt.Sprint(g, ".", n)
				c.Add(token, n, 1)
				if e := c.Get(token); e == nil || e.Value != n {
					t.Errorf("%s is missing once it was added", token)
				}
				c.Add(token, -n, 1)
				if e := c.Get(token); e == nil || e.Value != -n {
					t.Errorf("%s is not replaced", token)
				}
				if n%2 == 0 {
					c.Remove(c.Get(token))
					if c.Get(token) != nil {
						t.Errorf("%s is found once it was removed", token)
					}
				}
			}
		})
	}
	all.Wait()
	if n := len(c.ring.entries); n != goroutines*each/2 {
		t.Errorf("%d entries, want %d", n, goroutines*each/2)
	}
	checkIndex(t, x, c)
}

func TestACacheCanBeClosedWhileItIsUsed(t *testing.T) {
	t.Parallel()
	x := NewIndex[int](100, 64)
	other := x.NewCache(10)
	other.Add("other", 1, 1)
	for range 50 {
		c := x.NewCache(1000)
		var all sync.WaitGroup
		all.Go(func() {
			for n := range 500 {
				c.Add(fmt.Sprint(n), n, 1)
			}
		})
		c.Close()
		all.Wait()
		if n := len(c.ring.entries); n > 0 {
			t.Fatalf("a closed cache holds %d entries", n)
		}
	}
	checkIndex(t, x, other)
}

// checkIndex compares what the table and the rings hold.
func checkIndex[T any](t *testing.T, x *Index[T], caches ...*Cache[T]) {
	t.Helper()
	held := 0
	for _, c := range caches {
		var bytes int64
		for at, e := range c.ring.entries {
			bytes += int64(e.bytes)
			if int(e.at) != at || e.owner != &c.ring || x.table.find(x.hash(e.Token), e.Token) != e {
				t.Fatalf("the entry of %s doesn't know its place, or has none in the table", e.Token)
			}
		}
		if len(c.ring.entries) > c.ring.size || bytes != c.ring.bytes || bytes > max(c.ring.maxBytes, 0) {
			t.Errorf("%d entries of %d, with %d bytes counted as %d", len(c.ring.entries), c.ring.size, bytes, c.ring.bytes)
		}
		held += len(c.ring.entries)
	}
	d := x.table.directory.Load()
	counted, listed := 0, 0
	var last *chunk[T]
	for i := range d.chunks {
		c := d.chunks[i].Load()
		if c == last {
			continue
		}
		last = c
		counted += c.count
		for g := range c.groups {
			for g := &c.groups[g]; g != nil; g = g.next.Load() {
				for slot := range g.slots {
					hasTag := g.tags.Load()>>(8*slot)&0xFF != 0
					if hasTag != (g.slots[slot].Load() != nil) {
						t.Error("a slot has an entry or a tag, and not both")
					}
					if hasTag {
						listed++
					}
				}
			}
		}
	}
	if counted != held || listed != held {
		t.Errorf("the table counts %d entries and lists %d, and the rings hold %d", counted, listed, held)
	}
}
