package revocation_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/revocation"
)

func heapBytes() uint64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// The documented figure is for values as long as a UUID.
func TestAnEntryTakesAsMuchMemoryAsDocumented(t *testing.T) {
	const entries, documented = 100_000, 250
	list := mustNew(t, revocation.Config{})
	before := heapBytes()
	fill(t, list, entries)
	perEntry := (heapBytes() - before) / entries
	t.Logf("%d bytes per entry", perEntry)
	if perEntry > documented {
		t.Errorf("%d bytes per entry, more than %d", perEntry, documented)
	}
	if got := list.Status().Entries; got != entries {
		t.Errorf("%d entries, want %d", got, entries)
	}
}

func TestAStreamTakesAsMuchMemoryAsDocumented(t *testing.T) {
	const streams, documented = 10_000, 1000
	list := mustNew(t, revocation.Config{})
	claims := make([]*verifier.Claims, streams)
	for i := range claims {
		claims[i] = aliceWith(map[string]any{
			"jti": fmt.Sprintf("t%d", i), "sid": fmt.Sprintf("s%d", i), "sub": fmt.Sprintf("u%d", i/10),
		})
	}
	stops := make([]func(), streams)
	before := heapBytes()
	for i, c := range claims {
		var err error
		if stops[i], err = list.Watch(c, func(*verifier.AuthError) {}); err != nil {
			t.Fatal(err)
		}
	}
	perStream := (heapBytes() - before) / streams
	runtime.KeepAlive(claims)
	t.Logf("%d bytes per stream", perStream)
	if perStream > documented {
		t.Errorf("%d bytes per stream, more than %d", perStream, documented)
	}
	for _, stop := range stops {
		stop()
	}
	if got := list.Status().Streams; got != 0 {
		t.Errorf("%d streams are left", got)
	}
}
