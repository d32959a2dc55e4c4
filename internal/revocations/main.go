// Command revocations opens thousands of streams, revokes one user after another, and measures how
// long it takes until the user's streams have ended at the client. Beside that it makes unary
// calls, with and without the streams.
//
//	go run . [-users 1000] [-streams 10] [-revoke 200] [-pause 50ms] [-rate 2000] [-stack grpc-go]
//
// Client and server share a process, and talk over TCP. It ends with status 1 if a stream ends for
// another reason, a message is missing, a revoked user gets in, or a goroutine is left.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"text/tabwriter"
	"time"
)

// A size says how much to do.
type size struct {
	users, streams int // streams of each user
	revocations    int
	pause          time.Duration // between two of them
	rate           int           // messages per second, to all streams together
}

func main() {
	var s size
	flag.IntVar(&s.users, "users", 1000, "how many `users` have streams")
	flag.IntVar(&s.streams, "streams", 10, "how many `streams` each of them has")
	flag.IntVar(&s.revocations, "revoke", 200, "how many users are revoked, `one` after another")
	flag.DurationVar(&s.pause, "pause", 50*time.Millisecond, "how `long` to wait between them")
	flag.IntVar(&s.rate, "rate", 2000, "how many `messages` per second are sent, to all streams in turns")
	only := flag.String("stack", "", "use this `stack` alone")
	flag.Parse()
	if err := run(s, *only); err != nil {
		fmt.Fprintln(os.Stderr, "revocations:", err)
		os.Exit(1)
	}
}

func run(s size, only string) error {
	fmt.Printf("%d streams of %d users, %d messages per second, %d revocations, %d CPUs, %s\n\n",
		s.users*s.streams, s.users, s.rate, s.revocations, runtime.GOMAXPROCS(0), runtime.Version())
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "milliseconds, p50 / p99\tcall without streams\tcall beside them\tstreams ended\tslowest\t"+
		"messages\tgoroutines before, after")
	for _, stack := range stacks {
		if only != "" && stack.name != only {
			continue
		}
		r, err := measure(stack, s)
		if err != nil {
			return fmt.Errorf("%s: %w", stack.name, err)
		}
		fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\t%d\t%d, %d\n", stack.name, both(r.alone), both(r.beside), both(r.ended),
			milliseconds(slices.Max(r.ended)), r.messages, r.before, r.after)
	}
	return out.Flush()
}

func both(durations []time.Duration) string {
	return milliseconds(percentile(durations, 50)) + " / " + milliseconds(percentile(durations, 99))
}

// percentile returns the smallest duration that's at least as long as percent of them.
func percentile(durations []time.Duration, percent int) time.Duration {
	sorted := slices.Sorted(slices.Values(durations))
	return sorted[max(0, (len(sorted)*percent+99)/100-1)]
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.2f", float64(d)/float64(time.Millisecond))
}
