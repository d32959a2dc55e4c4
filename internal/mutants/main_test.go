package main

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// A mutant that does not apply is noticed here, long before all of them are tried.
func TestEveryMutantApplies(t *testing.T) {
	for _, m := range slices.Concat(mutants, callMutants, tokenMutants, wireMutants, rememberedMutants) {
		source, err := os.ReadFile("../../" + m.file)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(source), m.from); n != 1 {
			t.Errorf("%s: %s holds %q %d times, want once", m.name, m.file, m.from, n)
		}
	}
}
