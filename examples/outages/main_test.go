package main

import (
	"strings"
	"testing"
)

func TestEveryScenarioGoesAsItShould(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes the real time of an outage")
	}
	t.Parallel()
	var output strings.Builder
	if err := run(&output); err != nil {
		t.Error(err)
	}
	for _, s := range scenarios {
		if !strings.Contains(output.String(), s.name) {
			t.Errorf("nothing is said about %q:\n%s", s.name, output.String())
		}
	}
}
