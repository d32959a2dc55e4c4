package tokencache

import (
	"fmt"
	"testing"
)

// Entries are found however their hashes are spread, and hashes that are much alike don't make the
// directory larger than the table.
func TestEntriesAreFoundWhateverTheirHashes(t *testing.T) {
	t.Parallel()
	const entries = 2000
	for name, spread := range map[string]func(n uint64) uint64{
		"evenly":        func(n uint64) uint64 { return n * 0x9E37_79B9_7F4A_7C15 },
		"at the end":    func(n uint64) uint64 { return n },
		"in the middle": func(n uint64) uint64 { return n % 64 << 32 },
		"at the front":  func(n uint64) uint64 { return n << 52 },
	} {
		var table table[int]
		table.start()
		hashes := make(map[string]uint64)
		hashOf := func(token string) uint64 { return hashes[token] }
		held := make(map[string]*Entry[int])
		for n := range uint64(entries) {
			e := &Entry[int]{Token: fmt.Sprint(n)}
			hashes[e.Token] = spread(n)
			if table.add(spread(n), e, hashOf) {
				held[e.Token] = e
			}
		}
		d := table.directory.Load()
		if len(d.chunks) > 2*maxListed*table.chunks || len(held) < entries/2 {
			t.Errorf("%s: %d places for %d chunks, and %d entries held", name, len(d.chunks), table.chunks, len(held))
		}
		for n := range uint64(entries) {
			token := fmt.Sprint(n)
			if found := table.find(spread(n), token); found != held[token] {
				t.Fatalf("%s: find(%s) = %v, want %v", name, token, found, held[token])
			}
			if held[token] != nil && n%2 == 0 {
				table.remove(spread(n), held[token])
				if table.find(spread(n), token) != nil {
					t.Fatalf("%s: %s was removed, and is found", name, token)
				}
			}
		}
	}
}
