package main

import (
	"strings"
	"testing"
	"time"
)

func TestEachGoalCanBeMissed(t *testing.T) {
	met := result{Lasted: short, Passes: true, NewKey: "accepted after 0.1 s", Slowest: fetchTimeout, Healed: healsIn}
	if goals := met.missed(); len(goals) != 0 {
		t.Errorf("missed %q, want none", goals)
	}
	for _, test := range []struct {
		spoil func(*result)
		want  string // a part of the goal
	}{
		{func(r *result) { r.Known.Unavailable = 1 }, "known key not judged"},
		{func(r *result) { r.Wrong = []string{"key_not_found"} }, "was refused"},
		{func(r *result) { r.NewKey = unaccepted }, "not accepted in the fault"},
		{func(r *result) { r.Pace, r.Fetches = 3*time.Second, 10 }, "asked for 3.0 s"},
		{func(r *result) { r.Slowest = fetchTimeout + noise + 1 }, "waited"},
		{func(r *result) { r.Healed = healsIn + 1 }, "healed after"},
		{func(r *result) { r.Lasted, r.Healed = long, healsLateIn+1 }, "healed after"},
	} {
		spoilt := met
		test.spoil(&spoilt)
		if goals := spoilt.missed(); len(goals) != 1 || !strings.Contains(goals[0], test.want) {
			t.Errorf("missed %q, want one that says %q", goals, test.want)
		}
	}
	late := met
	late.Lasted, late.Healed = long, healsLateIn
	if goals := late.missed(); len(goals) != 0 {
		t.Errorf("missed %q after a long outage, want none", goals)
	}
}
