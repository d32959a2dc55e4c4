// Command mutants takes the rules of this library away, one at a time, and shows that
// the tests notice each.
//
//	go run ./internal/mutants [-all] [-run REGEXP] [-j N]
//
// By default it tries what CI does: the rules that SECURITY.md lists. With -all it tries
// lesser ones, too. It changes no file, since the build can overlay one with another. It
// fails if a mutant survives, doesn't compile or no longer applies, and if a test fails
// without any.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"runtime"
	"slices"
	"time"
)

func main() {
	all := flag.Bool("all", false, "try the mutants of lesser rules, too")
	only := flag.String("run", "", "try only the mutants whose name matches this `regexp`, of all")
	workers := flag.Int("j", runtime.NumCPU(), "try so many at a time")
	flag.Parse()
	if err := tryAll(*all, *only, *workers); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

func tryAll(all bool, only string, workers int) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	chosen, err := choose(all, only)
	if err != nil {
		return err
	}
	if err := checkTests(ctx, chosen); err != nil {
		return err
	}
	queue := make(chan *trial, len(chosen))
	var trials []*trial
	for _, m := range chosen {
		t := &trial{mutant: m, done: make(chan struct{})}
		trials = append(trials, t)
		queue <- t
	}
	close(queue)
	for range workers {
		go func() {
			for t := range queue {
				t.run(ctx)
			}
		}()
	}
	return report(trials)
}

func choose(all bool, only string) (chosen []mutant, err error) {
	pattern, err := regexp.Compile(only)
	if err != nil {
		return nil, err
	}
	chosen = slices.Clone(rules)
	if all || only != "" {
		chosen = append(chosen, lesserRules...)
	}
	return slices.DeleteFunc(chosen, func(m mutant) bool { return !pattern.MatchString(m.name) }), nil
}

// checkTests returns an error if a test fails without any mutant: it would kill them all.
func checkTests(ctx context.Context, chosen []mutant) error {
	checked := make(map[string]bool)
	for _, m := range chosen {
		for _, pkg := range m.home.tests {
			if checked[pkg] {
				continue
			}
			checked[pkg] = true
			if err := checkPackage(ctx, pkg); err != nil {
				return err
			}
		}
	}
	return nil
}

// A trial is one mutant and what became of it.
type trial struct {
	mutant mutant
	killer string
	err    error
	took   time.Duration
	done   chan struct{} // closed when the rest is final
}

func (t *trial) run(ctx context.Context) {
	defer close(t.done)
	start := time.Now()
	t.killer, t.err = t.mutant.try(ctx)
	t.took = time.Since(start)
}

// report prints the outcomes in the order in which they're listed.
func report(trials []*trial) error {
	failures := 0
	for _, t := range trials {
		<-t.done
		outcome := "killed by " + t.killer
		if t.err != nil {
			failures++
			outcome = "FAILED: " + t.err.Error()
		}
		fmt.Printf("%-60s %5.1fs  %s\n", t.mutant.name, t.took.Seconds(), outcome)
	}
	fmt.Printf("\n%d of %d mutants were killed.\n", len(trials)-failures, len(trials))
	if failures > 0 || len(trials) == 0 {
		return fmt.Errorf("%d mutants were not killed", failures)
	}
	return nil
}
