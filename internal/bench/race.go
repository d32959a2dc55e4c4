package main

import (
	"runtime"
	"slices"
	"time"
)

// A contestant does the same thing n times, a multiple of its unit.
type contestant struct {
	name string
	unit int
	run  func(n int) error
}

// slicesPerRound is how often a contestant is timed in a round. The fastest counts: what
// disturbs a measurement makes it slower, never faster.
const slicesPerRound = 5

// A Result is what a contestant took, round by round.
type Result struct {
	Name   string    `json:"name"`
	Nanos  []float64 `json:"ns_per_op"`
	Allocs float64   `json:"allocs_per_op"`
	Bytes  float64   `json:"bytes_per_op"`
	Read   float64   `json:"bytes_read_per_op,omitempty"` // of a refused call's request
}

// race times the contestants in turns, so that whatever slows the machine down slows
// all of them. Results from one round are comparable, and times from two rounds may not
// be.
func race(contestants []contestant, rounds int, slice time.Duration) ([]Result, error) {
	results := make([]Result, len(contestants))
	counts := make([]int, len(contestants))
	for i, c := range contestants {
		results[i] = Result{Name: c.name, Nanos: make([]float64, rounds)}
		n, err := calibrate(c, slice)
		if err != nil {
			return nil, err
		}
		counts[i] = n
		if results[i].Allocs, results[i].Bytes, err = allocations(c, n); err != nil {
			return nil, err
		}
	}
	for round := range rounds {
		for turn := range slicesPerRound {
			for step := range contestants {
				i := (step + turn + round) % len(contestants)
				nanos, err := timeOf(contestants[i], counts[i])
				if err != nil {
					return nil, err
				}
				if best := &results[i].Nanos[round]; *best == 0 || nanos < *best {
					*best = nanos
				}
			}
		}
	}
	return results, nil
}

// calibrate returns how many operations fill a slice, and warms up on the way.
func calibrate(c contestant, slice time.Duration) (int, error) {
	for n := c.unit; ; n *= 2 {
		nanos, err := timeOf(c, n)
		if err != nil {
			return 0, err
		}
		if spent := nanos * float64(n); spent >= float64(slice)/2 {
			return c.unit * max(1, int(float64(slice)/nanos)/c.unit), nil
		}
	}
}

func timeOf(c contestant, n int) (nanosPerOp float64, err error) {
	start := time.Now()
	err = c.run(n)
	return float64(time.Since(start)) / float64(n), err
}

func allocations(c contestant, n int) (count, bytes float64, err error) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err = c.run(n)
	runtime.ReadMemStats(&after)
	count = float64(after.Mallocs-before.Mallocs) / float64(n)
	bytes = float64(after.TotalAlloc-before.TotalAlloc) / float64(n)
	return count, bytes, err
}

// nanos is the median of the rounds.
func (r *Result) nanos() float64 { return median(r.Nanos) }

// times returns how many times longer r took than base: the median ratio over all
// rounds.
func (r *Result) times(base *Result) float64 {
	ratios := make([]float64, len(r.Nanos))
	for i := range ratios {
		ratios[i] = r.Nanos[i] / base.Nanos[i]
	}
	return median(ratios)
}

// minus returns how many nanoseconds longer r took than base: the median difference
// over all rounds.
func (r *Result) minus(base *Result) float64 {
	differences := make([]float64, len(r.Nanos))
	for i := range differences {
		differences[i] = r.Nanos[i] - base.Nanos[i]
	}
	return median(differences)
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}
