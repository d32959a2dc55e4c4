package dpop_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"
)

// The worst case: each proof has a key of its own, and they end at different times. It isn't
// parallel, since it measures the heap.
//
//nolint:paralleltest // see above
func TestAMillionProofsTakeNoMoreThan64MB(t *testing.T) {
	const proofs, limit = 1_000_000, 64 << 20
	c := newChecker(t)
	before := heap()
	start := time.Now()
	for i := range proofs {
		until := start.Add(time.Minute + time.Duration(i%30_000)*time.Millisecond)
		if err := c.Remember(fmt.Sprintf("%043d", i), "jti", until); err != nil {
			t.Fatal(i, err)
		}
	}
	took := heap() - before
	if c.Held() != proofs || took > limit {
		t.Errorf("%d proofs take %.1f MB", c.Held(), float64(took)/(1<<20))
	}
	t.Logf("%d proofs take %.1f MB", c.Held(), float64(took)/(1<<20))
	runtime.KeepAlive(c)
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}
