package jwks

import (
	"fmt"
	"testing"
)

// A token is remembered only while its key is the same object, so keys in use must stay.
func TestTheKeysUsedLastStayDecoded(t *testing.T) {
	t.Parallel()
	entries := make([]string, 2*maxDecodedNames)
	for i := range entries {
		entries[i] = entry(fmt.Sprint("k", i), ed1)
	}
	set := mustParseSet(t, entries...)
	inUse, unused := set.Key(ByKid("k0"), "EdDSA"), set.Key(ByKid("k1"), "EdDSA")
	if inUse == nil || unused == nil {
		t.Fatal("there is no key")
	}
	for i := range entries {
		set.Key(ByKid(fmt.Sprint("k", i)), "EdDSA")
		if !set.Holds(ByKid("k0"), inUse) {
			t.Fatalf("after %d names, the key in use is another", i+1)
		}
	}
	if set.Holds(ByKid("k1"), unused) {
		t.Error("a key that isn't used is kept")
	}
	if n := len(set.decoded.list); n != maxDecodedNames {
		t.Errorf("%d keys are kept, want %d", n, maxDecodedNames)
	}
	if set.Key(ByKid("k1"), "EdDSA") == nil {
		t.Error("a key that isn't kept can't be used")
	}
}

// The order of a set must not matter for a key that's found by kid.
func TestKeysAreFoundWhateverTheirOrder(t *testing.T) {
	t.Parallel()
	kids := []string{"m", "", "a", "z", "é", "m-", "A"}
	for shift := range kids {
		var entries []string
		for i := range kids {
			entries = append(entries, entry(kids[(i+shift)%len(kids)], ed1))
		}
		set := mustParseSet(t, entries...)
		for _, kid := range kids {
			if !set.Has(ByKid(kid)) || set.Key(ByKid(kid), "EdDSA") == nil {
				t.Errorf("shifted by %d, there is no key %q", shift, kid)
			}
		}
		for _, kid := range []string{"b", "ma", "zz", " "} {
			if set.Has(ByKid(kid)) {
				t.Errorf("shifted by %d, there is a key %q", shift, kid)
			}
		}
	}
}
