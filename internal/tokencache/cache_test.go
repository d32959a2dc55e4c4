package tokencache_test

import (
	"fmt"
	"strings"
	"testing"
	"unsafe"

	"github.com/oidcrpc/oidcrpc/internal/tokencache"
)

const maxToken = 100

func TestEntriesAreFoundByTheWholeToken(t *testing.T) {
	c := tokencache.New[int](10, maxToken)
	c.Add("a.signature", 1, 1)
	for range 2 { // from the list, and as the latest
		if e := c.Get("a.signature"); e == nil || e.Value != 1 {
			t.Fatalf("Get = %v, want 1", e)
		}
	}
	for _, other := range []string{"b.signature", "a.signatur", "", "A.signature"} {
		if c.Get(other) != nil {
			t.Errorf("%q is taken for another token", other)
		}
	}
}

func TestAnEntryIsReplacedAtOnce(t *testing.T) {
	c := tokencache.New[int](10, maxToken)
	c.Add("a", 1, 1)
	first := c.Get("a")
	c.Add("a", 2, 1)
	if e := c.Get("a"); e.Value != 2 {
		t.Errorf("Get = %d after a replacement, want 2", e.Value)
	}
	c.Remove(first)
	if c.Get("a") == nil {
		t.Error("removing an entry removes the one that replaced it")
	}
	c.Remove(c.Get("a"))
	if c.Get("a") != nil {
		t.Error("a removed entry is found")
	}
}

func TestTheLeastRecentlyUsedEntryGoesFirst(t *testing.T) {
	c := tokencache.New[int](3, maxToken)
	for n := range 1000 {
		c.Add(fmt.Sprint(n), n, 4<<10)
		c.Get("0")
	}
	for token, held := range map[string]bool{"0": true, "999": true, "998": true, "997": false} {
		if got := c.Get(token) != nil; got != held {
			t.Errorf("%s is held: %v, want %v", token, got, held)
		}
	}
}

func TestEntriesTakeFourKilobytesOnAverage(t *testing.T) {
	c := tokencache.New[int](10, maxToken)
	for n := range 10 {
		c.Add(fmt.Sprint(n), n, 8<<10)
	}
	held := 0
	for n := range 10 {
		if c.Get(fmt.Sprint(n)) != nil {
			held++
		}
	}
	if held != 5 {
		t.Errorf("%d entries of 8 KiB are held, want 5", held)
	}
	c.Add("huge", 0, 41<<10)
	if c.Get("huge") != nil {
		t.Error("an entry is held that takes more than all may")
	}
}

func TestACacheHoldsACopyOfTheToken(t *testing.T) {
	c := tokencache.New[int](1, maxToken)
	large := strings.Repeat("a", 1<<20)
	token := large[:maxToken]
	c.Add(token, 0, 1)
	if e := c.Get(token); e == nil || unsafe.StringData(e.Token) == unsafe.StringData(token) {
		t.Error("the cache keeps what the token was a part of")
	}
}

func TestALongTokenIsNeitherHeldNorLookedFor(t *testing.T) {
	c := tokencache.New[int](1, maxToken)
	long := strings.Repeat("a", maxToken+1)
	c.Add(long, 0, 1)
	if c.Get(long) != nil {
		t.Error("a token over the limit is held")
	}
}

func TestANilCacheHoldsNothing(t *testing.T) {
	c := tokencache.New[int](0, maxToken)
	c.Add("a", 1, 1)
	if c.Get("a") != nil {
		t.Error("a cache of no size holds a token")
	}
	c.Remove(&tokencache.Entry[int]{Token: "a"})
}

func TestAShardedCacheHoldsWhatOneShardDoes(t *testing.T) {
	c := tokencache.New[int](16<<10, maxToken)
	for n := range 8 << 10 {
		c.Add(fmt.Sprintf("%08d", n*7919), n, 1)
	}
	for n := range 8 << 10 {
		if e := c.Get(fmt.Sprintf("%08d", n*7919)); e != nil && e.Value != n {
			t.Fatalf("%d is found as %d", n, e.Value)
		}
	}
}
