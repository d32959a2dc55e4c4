package kept_test

import (
	"math/rand/v2"
	"testing"

	"github.com/oidcrpc/oidcrpc/internal/kept"
)

func TestOnlyTheValueThatIsAskedForIsFound(t *testing.T) {
	var table kept.Table[int]
	one, two := 1, 2
	table.Keep(7, &one)
	table.Keep(7, &two)
	for _, want := range []*int{&one, &two} {
		if got := table.Find(7, func(v *int) bool { return v == want }); got != want {
			t.Errorf("found %v, want %v", got, want)
		}
	}
	if got := table.Find(7, func(*int) bool { return false }); got != nil {
		t.Errorf("found %d, want nothing", *got)
	}
}

func TestATableStaysSmallWhateverIsKept(t *testing.T) {
	var table kept.Table[uint64]
	hashes := make([]uint64, 10_000)
	for i := range hashes {
		hashes[i] = rand.Uint64()
		table.Keep(hashes[i], &hashes[i])
	}
	found := 0
	for _, hash := range hashes {
		if table.Find(hash, func(v *uint64) bool { return *v == hash }) != nil {
			found++
		}
	}
	if found == 0 || found > 256 {
		t.Errorf("%d of 10000 values are kept, want 1 to 256", found)
	}
}

func TestTheLatestValueIsKept(t *testing.T) {
	var table kept.Table[uint64]
	for i := range uint64(10_000) {
		hash := i * 0x9E3779B97F4A7C15
		table.Keep(hash, &hash)
		if table.Find(hash, func(v *uint64) bool { return v == &hash }) == nil {
			t.Fatalf("value %d is not found", i)
		}
	}
}
