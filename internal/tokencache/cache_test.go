package tokencache_test

import (
	"crypto/sha512"
	"encoding/base64"
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
	for range 2 {
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

// Tokens that come in turn, as many as there's room for, are all found each time.
func TestAFullCacheFindsEachToken(t *testing.T) {
	for _, size := range []int{1, 2, 63, 1024, 10_000} {
		c := tokencache.New[int](size, 10*maxToken)
		tokens := make([]string, size)
		for n := range tokens {
			tokens[n] = tokenOf(n)
		}
		for n, token := range tokens {
			c.Add(token, n, 4<<10)
		}
		for range 2 {
			for n, token := range tokens {
				if e := c.Get(token); e == nil || e.Value != n {
					t.Fatalf("a cache of %d: Get(%d) = %v", size, n, e)
				}
			}
		}
		c.Add(tokenOf(size), size, 1)
		held := 0
		for n := range size + 1 {
			if c.Get(tokenOf(n)) != nil {
				held++
			}
		}
		if held != size || c.Get(tokenOf(size)) == nil {
			t.Errorf("a cache of %d holds %d entries, and the latest: %v", size, held, c.Get(tokenOf(size)) != nil)
		}
	}
}

// tokenOf has the form of a token, and its end is close to random.
func tokenOf(n int) string {
	hash := sha512.Sum512([]byte(fmt.Sprint(n)))
	return strings.Repeat("header.payload.", 20) + base64.RawURLEncoding.EncodeToString(hash[:])
}

func TestEntriesInUseOutliveTheOthers(t *testing.T) {
	const size = 200
	c := tokencache.New[int](size, maxToken)
	for n := range 10 * size {
		c.Add(fmt.Sprint(n), n, 1)
		for used := range min(n, size/2) {
			c.Get(fmt.Sprint(used))
		}
	}
	for n := range size / 2 {
		if c.Get(fmt.Sprint(n)) == nil {
			t.Fatalf("%d is in use, and was evicted", n)
		}
	}
}

// Even if all entries are in use, a new one finds room.
func TestACacheInUseTakesAnotherEntry(t *testing.T) {
	const size = 1000
	c := tokencache.New[int](size, maxToken)
	for n := range 10 * size {
		c.Add(fmt.Sprint(n), n, 1)
		if c.Get(fmt.Sprint(n)) == nil { // which uses it
			t.Fatalf("%d was not added", n)
		}
	}
}

// If the hashed ends are the same, few tokens are held, and none is taken for another.
func TestTokensWithOneEndAreHeldInBoundedTime(t *testing.T) {
	c := tokencache.NewIndex[int](10*maxToken, 64).NewCache(10_000)
	end := "." + strings.Repeat("e", 300)
	held := 0
	for n := range 1000 {
		token := fmt.Sprint(n) + end
		c.Add(token, n, 1)
		switch e := c.Get(token); {
		case e == nil:
		case e.Value != n:
			t.Fatalf("%d is taken for %d", n, e.Value)
		default:
			held++
		}
	}
	if held == 0 || held > 16 {
		t.Errorf("%d tokens with one end are held, want 1 to 16", held)
	}
}

// So may be credentials that aren't signed last, and keys.
func TestTextsWithOneEndAreAllHeld(t *testing.T) {
	c := tokencache.New[int](1000, 10*maxToken)
	end := strings.Repeat("e", 9*maxToken)
	for n := range 1000 {
		c.Add(fmt.Sprint(n)+end, n, 1)
	}
	for n := range 1000 {
		if c.Get(fmt.Sprint(n)+end) == nil {
			t.Fatalf("%d isn't held, since others have its end", n)
		}
	}
}

func TestAnEntryTooLargeReplacesTheOld(t *testing.T) {
	c := tokencache.New[int](2, maxToken)
	c.Add("a", 1, 1)
	c.Add("b", 1, 1)
	c.Add("a", 2, 9<<10)
	if e := c.Get("a"); e != nil {
		t.Errorf("Get = %d, want nothing: the replacement is too large", e.Value)
	}
	if c.Get("b") == nil {
		t.Error("an entry was evicted for one that finds no room")
	}
}

func TestAHitAllocatesNothing(t *testing.T) {
	c := tokencache.New[int](10, 10*maxToken)
	c.Add(tokenOf(1), 1, 1)
	token := tokenOf(1)
	if n := testing.AllocsPerRun(100, func() { c.Get(token) }); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}
