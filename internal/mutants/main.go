// Command mutants takes the defences of this library away, one at a time, and shows
// that the tests notice each. It changes no file: every mutant is an overlay of the
// build.
//
//	go run ./internal/mutants
//
// It fails if a mutant survives, does not compile, or no longer applies.
package main

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"slices"
	"sync"
	"time"
)

func main() {
	only := flag.String("run", "", "try only the mutants whose name matches this regular expression")
	workers := flag.Int("j", runtime.NumCPU(), "try so many at a time")
	flag.Parse()
	if err := run(*only, *workers); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

func run(only string, workers int) error {
	pattern, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	var trials []*trial
	for _, m := range slices.Concat(mutants, callMutants, tokenMutants, wireMutants) {
		if pattern.MatchString(m.name) {
			trials = append(trials, &trial{mutant: m, done: make(chan struct{})})
		}
	}
	var working sync.WaitGroup
	defer working.Wait()
	queue := make(chan *trial, len(trials))
	for _, t := range trials {
		queue <- t
	}
	close(queue)
	for range workers {
		working.Go(func() {
			for t := range queue {
				t.run()
			}
		})
	}
	return report(trials)
}

// A trial is one mutant and what became of it.
type trial struct {
	mutant mutant
	killer string
	err    error
	took   time.Duration
	done   chan struct{} // closed when the rest is final
}

func (t *trial) run() {
	defer close(t.done)
	start := time.Now()
	t.killer, t.err = t.mutant.try()
	t.took = time.Since(start)
}

// report prints the outcomes in the order of the list.
func report(trials []*trial) error {
	failures := 0
	for _, t := range trials {
		<-t.done
		outcome := "killed by " + t.killer
		if t.err != nil {
			failures++
			outcome = "FAILED: " + t.err.Error()
		}
		fmt.Printf("%-56s %5.1fs  %s\n", t.mutant.name, t.took.Seconds(), outcome)
	}
	fmt.Printf("\n%d of %d mutants were killed.\n", len(trials)-failures, len(trials))
	if failures > 0 || len(trials) == 0 {
		return fmt.Errorf("%d mutants were not killed", failures)
	}
	return nil
}
