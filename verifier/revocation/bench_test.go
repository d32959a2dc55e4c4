package revocation_test

import (
	"fmt"
	"testing"

	"github.com/oidcrpc/oidcrpc/verifier/revocation"
)

// fill revokes n tokens, sessions, subjects and clients in equal parts, none of them alice's.
func fill(tb testing.TB, list *revocation.List, n int) {
	tb.Helper()
	for i := range n {
		name := fmt.Sprintf("b3f1c2d4-0000-4000-8000-%012d", i)
		e := revocation.Event{Issuer: issuer}
		switch i % 4 {
		case 0:
			e.TokenID = name
		case 1:
			e.SessionID = name
		case 2:
			e.Subject = name
		default:
			e.ClientID = name
		}
		revoke(tb, list, e)
	}
}

func TestCheckAllocatesNothing(t *testing.T) {
	claims := aliceWith(nil)
	for _, entries := range []int{0, 1000} {
		list := mustNew(t, revocation.Config{MaxEntries: 1000})
		fill(t, list, entries)
		check := func() {
			if err := list.Check(claims); err != nil {
				t.Fatal(err)
			}
		}
		if got := testing.AllocsPerRun(100, check); got != 0 {
			t.Errorf("with %d entries, %v allocations, want 0", entries, got)
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	claims := aliceWith(nil)
	for _, entries := range []int{0, 1, 100_000} {
		b.Run(fmt.Sprintf("%d entries", entries), func(b *testing.B) {
			list := mustNew(b, revocation.Config{})
			fill(b, list, entries)
			b.ReportAllocs()
			for b.Loop() {
				if err := list.Check(claims); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
