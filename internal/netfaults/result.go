package main

import (
	"fmt"
	"strings"
	"time"
)

// Keys live for the shortest time there is, so refreshes come often. Otherwise the
// verifier has its default configuration.
const (
	keysTTL      = 10 * time.Second
	fetchTimeout = 3 * time.Second
)

const (
	short = 25 * time.Second
	long  = 75 * time.Second // an outage of more than a minute is asked about less often

	// patience is how long after its end a fault is watched, at most.
	patience = time.Minute
)

// A result is what a row has shown.
type result struct {
	Name, Protocol string
	Lasted         time.Duration
	Passes         bool
	Pace           time.Duration
	Known          calls
	NewKey         string
	Fetches        int
	Slowest        time.Duration // call, for any key
	Healed         time.Duration // first good fetch after the fault
	Wrong          []string      // good tokens that were refused
}

// calls are the outcomes.
type calls struct {
	Made, Unavailable int
	Wrong             []string // the first few that were refused for their tokens
	Slowest           time.Duration
	Accepted          time.Time // the first
}

func (c calls) and(other calls) calls {
	c.Slowest = max(c.Slowest, other.Slowest)
	c.Wrong = append(c.Wrong, other.Wrong...)
	return c
}

func (c calls) inWords(began time.Time) string {
	if c.Accepted.IsZero() {
		return unaccepted
	}
	return fmt.Sprintf("accepted after %s", seconds(c.Accepted.Sub(began)))
}

// The goals. A busy machine may add something to a wait.
const (
	noise       = 500 * time.Millisecond
	healsIn     = 5 * time.Second
	healsLateIn = 12 * time.Second // after an outage of more than a minute
)

// missed lists the goals missed.
func (r result) missed() (goals []string) {
	healsIn := healsIn
	if r.Lasted > time.Minute {
		healsIn = healsLateIn
	}
	if r.Known.Unavailable > 0 {
		goals = append(goals, fmt.Sprintf("%d tokens of the known key not judged", r.Known.Unavailable))
	}
	for _, wrong := range r.Wrong {
		goals = append(goals, "a good token was refused: "+wrong)
	}
	if r.Passes && r.NewKey == unaccepted {
		goals = append(goals, "the new key was not accepted in the fault")
	}
	if r.Pace > 0 && r.Fetches > int(r.Lasted/r.Pace)+1 {
		goals = append(goals, fmt.Sprintf("%d fetches, though the issuer asked for %s in between",
			r.Fetches, seconds(r.Pace)))
	}
	if r.Slowest > fetchTimeout+noise {
		goals = append(goals, "a call waited for "+seconds(r.Slowest))
	}
	if r.Healed > healsIn {
		goals = append(goals, fmt.Sprintf("healed after %s, want %s", r.healed(), seconds(healsIn)))
	}
	return goals
}

func (r result) healed() string {
	if r.Healed >= patience {
		return "more than " + seconds(patience)
	}
	return seconds(r.Healed)
}

const unaccepted = "Unavailable"

func table(results []result) string {
	var b strings.Builder
	b.WriteString("| fault | protocol | known key: calls, refused | slowest | new key in the fault " +
		"| fetches | slowest call of all | first good fetch after healing |\n" +
		"|---|---|---|---|---|---|---|---|\n")
	for _, r := range results {
		fmt.Fprintf(&b, "| %s | %s | %d, %d | %s | %s | %d | %s | %s |\n",
			r.Name, r.Protocol, r.Known.Made, r.Known.Unavailable+len(r.Known.Wrong), seconds(r.Known.Slowest),
			r.NewKey, r.Fetches, seconds(r.Slowest), r.healed())
	}
	return b.String()
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
