package tokencache_test

import (
	"fmt"
	"testing"

	"github.com/oidcrpc/oidcrpc/internal/tokencache"
)

func TestAnIndexFindsTheEntriesOfAllCaches(t *testing.T) {
	x := tokencache.NewIndex[int](maxToken, maxToken)
	a, b := x.NewCache(10), x.NewCache(10)
	a.Add("a", 1, 1)
	b.Add("b", 2, 1)
	for token, want := range map[string]int{"a": 1, "b": 2} {
		if e := x.Get(token); e == nil || e.Value != want {
			t.Errorf("Get(%q) = %v, want %d", token, e, want)
		}
	}
	if a.Get("a") == nil || b.Get("b") == nil || a.Get("b") != nil || b.Get("a") != nil {
		t.Error("a cache finds entries of another, or not its own")
	}
}

func TestACacheEvictsNoneFromAnother(t *testing.T) {
	x := tokencache.NewIndex[int](maxToken, maxToken)
	quiet, busy := x.NewCache(10), x.NewCache(10)
	for n := range 10 {
		quiet.Add(fmt.Sprint("quiet", n), n, 4<<10)
	}
	for n := range 10_000 {
		busy.Add(fmt.Sprint("busy", n), n, int64(n))
	}
	for n := range 10 {
		if quiet.Get(fmt.Sprint("quiet", n)) == nil {
			t.Errorf("entry %d of one cache was evicted by the other", n)
		}
	}
}

func TestATokenHasOneEntryInAnIndex(t *testing.T) {
	x := tokencache.NewIndex[int](maxToken, maxToken)
	a, b := x.NewCache(1), x.NewCache(1)
	a.Add("token", 1, 4<<10)
	b.Add("token", 2, 1)
	if a.Get("token") != nil || b.Get("token") == nil || x.Get("token").Value != 2 {
		t.Error("the latest cache that added a token doesn't own it alone")
	}
	a.Add("other", 3, 4<<10) // there's room again
	b.Remove(b.Get("token"))
	if x.Get("token") != nil || a.Get("other") == nil {
		t.Error("a removed entry is found, or another is missing")
	}
}

func TestAClosedCacheHoldsNothing(t *testing.T) {
	x := tokencache.NewIndex[int](maxToken, maxToken)
	closed, open := x.NewCache(1000), x.NewCache(1000)
	for n := range 1000 {
		closed.Add(fmt.Sprint("closed", n), n, 1)
		open.Add(fmt.Sprint("open", n), n, 1)
	}
	closed.Close()
	closed.Add("late", 1, 1)
	for n := range 1000 {
		if x.Get(fmt.Sprint("closed", n)) != nil {
			t.Fatalf("entry %d of a closed cache is found", n)
		}
		if open.Get(fmt.Sprint("open", n)) == nil {
			t.Fatalf("entry %d is missing, since another cache was closed", n)
		}
	}
	if x.Get("late") != nil {
		t.Error("a closed cache takes an entry")
	}
	(*tokencache.Cache[int])(nil).Close()
}

func TestACacheOfNoSizeHoldsNothing(t *testing.T) {
	x := tokencache.NewIndex[int](maxToken, maxToken)
	if c := x.NewCache(-1); c != nil {
		t.Error("a cache of no size is one")
	}
	if (*tokencache.Index[int])(nil).Get("a") != nil {
		t.Error("no index finds an entry")
	}
}
