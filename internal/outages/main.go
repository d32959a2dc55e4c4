// Command outages shows, over real sockets, what becomes of calls when their issuer
// fails, hangs, rotates its keys, or is asked for keys that there are not.
//
//	go run ./internal/outages
//
// Each line is a scenario, what was seen, and whether that is what it should be. The
// times to live are short, so that it takes half a minute. It fails if a line does. The
// tests of package verifier show the same with exact counts, in the time of a bubble.
package main

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"
)

// A scenario returns what was seen, and an error when it should not have been.
type scenario struct {
	name string
	run  run
}

type run func(context.Context) (seen string, err error)

// The first ones are timed, so they run one at a time. The others mostly wait.
var timed = []scenario{
	{"1000 calls, cold", coldStart},
	{"first caller cancels during the cold fetch", firstCallerCancels},
	{"10 000 forged signatures under a known kid", forgedSignatures},
	{"10 000 unknown kids in 2 s", unknownKids},
	{"issuer resets after the TTL", issuerOut(reset)},
	{"issuer answers 500 after the TTL", issuerOut(status500)},
	{"issuer answers nonsense after the TTL", issuerOut(nonsense)},
	{"issuer hangs after the TTL", issuerHangs},
	{"issuer hangs after a quiet time", issuerHangsAfterQuiet},
	{"one of two issuers hangs", oneOfTwoHangs},
}

var patient = []scenario{
	{"rotation, quiet", rotation(0)},
	{"rotation after 1 forged kid", rotation(1)},
	{"rotation after 20 forged kids in 2 s", rotation(20)},
	{"key withdrawn", withdrawal},
	{"issuer down at start, back after 5 s", downAtStart},
	{"first fetch hangs, issuer healthy after 1 s", firstFetchHangs},
	{"unknown kids for 12 s", unknownKidsForLong},
}

func main() {
	start := time.Now()
	ok := runAll()
	fmt.Printf("\n%.1f s\n", time.Since(start).Seconds())
	if !ok {
		os.Exit(1)
	}
}

func runAll() (ok bool) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	ok = true
	for _, s := range timed {
		seen, err := s.run(ctx)
		ok = show(s.name, seen, err) && ok
	}
	seen, errs := make([]string, len(patient)), make([]error, len(patient))
	var wg sync.WaitGroup
	for n, s := range patient {
		wg.Go(func() { seen[n], errs[n] = s.run(ctx) })
	}
	wg.Wait()
	for n, s := range patient {
		ok = show(s.name, seen[n], errs[n]) && ok
	}
	return ok
}

func show(name, seen string, err error) bool {
	verdict := "ok  "
	if err != nil {
		verdict = "FAIL"
		seen += ": " + err.Error()
	}
	fmt.Printf("%s  %-46s %s\n", verdict, name, seen)
	return err == nil
}
