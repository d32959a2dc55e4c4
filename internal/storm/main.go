// Command storm compresses a bad hour into minutes: tokens that live for two seconds, keys that
// change, clocks that disagree, and an issuer that is away for half of the time. It counts what
// that costs clients with this library, and clients without it.
//
//	go run . [-for 3m] [-rate 500] [-callers 1000] [-rotate 10s]
//
// It ends with status 1 if a call with this library has failed for authentication, or since the
// server lacked the keys, while there was a token to be had.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync"
	"text/tabwriter"
	"time"
)

func main() {
	duration := flag.Duration("for", 3*time.Minute, "how `long` the storm lasts")
	rate := flag.Float64("rate", 500, "calls `per second` by all clients with this library together")
	callers := flag.Int("callers", 1000, "`goroutines` that make them")
	rotation := flag.Duration("rotate", 10*time.Second, "how `often` the issuer replaces its keys")
	flag.Parse()
	ok, err := run(*duration, *rotation, *rate, *callers)
	if err != nil {
		fmt.Fprintln(os.Stderr, "storm:", err)
		os.Exit(1)
	}
	if !ok {
		os.Exit(1)
	}
}

func run(duration, rotation time.Duration, rate float64, callers int) (ok bool, err error) {
	w, err := newWorld()
	if err != nil {
		return false, err
	}
	contestants, err := newContestants(w)
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), duration)
	defer cancel()
	var storm sync.WaitGroup
	storm.Go(func() { w.rotate(ctx, rotation) })
	storm.Go(func() { w.comeAndGo(ctx) })
	pause := time.Duration(float64(callers) / rate * float64(time.Second))
	for _, c := range contestants {
		for range callers / 3 {
			storm.Go(func() { c.callAgainAndAgain(ctx, pause) })
		}
	}
	storm.Wait()
	report(contestants, duration)
	return !slices.ContainsFunc(contestants, (*contestant).isBad), nil
}

func report(contestants []*contestant, duration time.Duration) {
	fmt.Printf("%v, %d CPUs, %s\n\n", duration, runtime.GOMAXPROCS(0), runtime.Version())
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "client\tcalls\tper second\tfailed with a token to be had\twithout one\tended midway\tkeys away\tkeys late\ttoo slow\tother"+
		"\tsent per call\ttokens\tmore than needed")
	for _, c := range contestants {
		fmt.Fprintf(out, "%s\t%d\t%.0f\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%.4f\t%d\t%d\n", c.name,
			c.calls.Load(), float64(c.calls.Load())/duration.Seconds(),
			c.failed.Load(), c.excused.Load(), c.midway.Load(), c.keys.Load(), c.stalled.Load(), c.slow.Load(), c.others.Load(),
			float64(c.servers.arrived.Load())/float64(c.calls.Load()),
			c.endpoint.issued.Load(), c.endpoint.excess.Load())
	}
	_ = out.Flush()
	for _, c := range contestants {
		for cause, n := range c.causes {
			fmt.Printf("\n%s: %d times %s\n", c.name, n, cause)
		}
	}
}
