// Command outages shows what becomes of calls while their issuer is down, hangs or
// changes its keys, and while the server that's asked about opaque tokens does.
//
//	go run ./examples/outages
//
// The servers are on local sockets and break on demand. Keys live for one second here
// instead of five minutes, and answers instead of one minute, so that it's all over in a
// few seconds.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

func main() {
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "outages: unexpected argument %q: it takes none\n", flag.Arg(0))
		os.Exit(2)
	}
	fmt.Println("All of it happens at once, and takes five seconds.")
	if err := run(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "outages:", err)
		os.Exit(1)
	}
}

// A scenario returns what was seen, and an error if it shouldn't have been.
type scenario struct {
	name string
	play func(context.Context) (seen string, err error)
}

var scenarios = []scenario{
	{"1000 calls at once, and no keys yet", coldStart},
	{"the issuer is down at first", downAtFirst},
	{"the issuer goes down", goesDown},
	{"the issuer hangs", hangs},
	{"the issuer replaces its key", replacesKey},
	{"10 000 tokens with made-up key IDs", madeUpKeys},
	{"opaque: 1000 calls at once, none before", opaqueColdStart},
	{"opaque: the server goes down", opaqueGoesDown},
	{"opaque: the server hangs", opaqueHangs},
	{"opaque: the token is revoked", opaqueRevoked},
	{"opaque: 10 000 made-up tokens", opaqueMadeUp},
}

// run plays all scenarios together, since they mostly wait.
func run(w io.Writer) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	seen, errs := make([]string, len(scenarios)), make([]error, len(scenarios))
	var playing sync.WaitGroup
	for n, s := range scenarios {
		playing.Go(func() { seen[n], errs[n] = s.play(ctx) })
	}
	playing.Wait()
	for n, s := range scenarios {
		if errs[n] != nil {
			errs[n] = fmt.Errorf("%s: %w", s.name, errs[n])
			continue
		}
		fmt.Fprintf(w, "%-39s   %s\n", s.name, seen[n])
	}
	return errors.Join(errs...)
}

func coldStart(ctx context.Context) (string, error) {
	i, err := start(slow)
	if err != nil {
		return "", err
	}
	defer i.stop()
	if failed := thousandCalls(ctx, i.verify, i.token); failed > 0 {
		return "", fmt.Errorf("%d calls failed", failed)
	}
	return fmt.Sprintf("all served; keys fetched %d time", i.requests.Load()), nil
}

// thousandCalls makes them at once, and returns how many failed.
func thousandCalls(ctx context.Context, verify func(context.Context, string) error, token string) int32 {
	var failed atomic.Int32
	var calls sync.WaitGroup
	for range 1000 {
		calls.Go(func() {
			if verify(ctx, token) != nil {
				failed.Add(1)
			}
		})
	}
	calls.Wait()
	return failed.Load()
}

func downAtFirst(ctx context.Context) (string, error) {
	i, err := start(down)
	if err != nil {
		return "", err
	}
	defer i.stop()
	time.AfterFunc(time.Second, func() { i.set(healthy) })
	began, unavailable := time.Now(), 0
	for err = i.verify(ctx, i.token); isUnavailable(err); err = i.verify(ctx, i.token) {
		unavailable++
		time.Sleep(10 * time.Millisecond)
	}
	if err != nil {
		return "", err
	}
	late := time.Since(began) - time.Second
	return fmt.Sprintf("%d calls Unavailable; served %s after it was back", unavailable, rounded(late)), nil
}

func goesDown(ctx context.Context) (string, error) {
	i, err := startWithKeys(ctx)
	if err != nil {
		return "", err
	}
	defer i.stop()
	i.set(down)
	served, lasted, err := untilRefused(ctx, i.verify, i.token)
	if !isUnavailable(err) {
		return "", err
	}
	return fmt.Sprintf("%d calls served for %s, then Unavailable", served, rounded(lasted)), nil
}

// untilRefused makes one call after another, and returns the first error.
func untilRefused(ctx context.Context, verify func(context.Context, string) error, token string) (
	served int, lasted time.Duration, err error,
) {
	began := time.Now()
	for {
		if err := verify(ctx, token); err != nil {
			return served, time.Since(began), err
		}
		served++
		time.Sleep(time.Millisecond)
	}
}

func hangs(ctx context.Context) (string, error) {
	i, err := startWithKeys(ctx)
	if err != nil {
		return "", err
	}
	defer i.stop()
	i.set(hung)
	served, slowest := 0, time.Duration(0)
	for end := time.Now().Add(keysTTL + keysMaxStale/2); time.Now().Before(end); served++ {
		before := time.Now()
		if err := i.verify(ctx, i.token); err != nil {
			return "", err
		}
		slowest = max(slowest, time.Since(before))
		time.Sleep(time.Millisecond)
	}
	return fmt.Sprintf("%d calls served, the slowest in %s", served, slowest.Round(time.Microsecond)), nil
}

func replacesKey(ctx context.Context) (string, error) {
	i, err := startWithKeys(ctx)
	if err != nil {
		return "", err
	}
	defer i.stop()
	i.Rotate()
	_, took, err := untilRefused(ctx, i.verify, i.token)
	if verifier.CodeOf(err) != verifier.CodeKeyNotFound {
		return "", err
	}
	i.Rotate()
	if err := i.verify(ctx, i.Token(nil)); err != nil {
		return "", err
	}
	return fmt.Sprintf("the old one refused after %s, the next one served at first sight", rounded(took)), nil
}

func madeUpKeys(ctx context.Context) (string, error) {
	i, err := startWithKeys(ctx)
	if err != nil {
		return "", err
	}
	defer i.stop()
	before, unavailable := i.requests.Load(), 0
	for n := range 10_000 {
		err := i.verify(ctx, i.Token(nil, verifiertest.WithHeader("kid", fmt.Sprint("made-up-", n))))
		switch {
		case isUnavailable(err):
			unavailable++
		case verifier.CodeOf(err) != verifier.CodeKeyNotFound:
			return "", fmt.Errorf("a made-up key: %w", err)
		}
		if err := i.verify(ctx, i.token); err != nil {
			return "", fmt.Errorf("the issuer's own key: %w", err)
		}
	}
	return fmt.Sprintf("%d fetches for them, %d told to come back; good tokens all served",
		i.requests.Load()-before, unavailable), nil
}

// isUnavailable reports whether err says when to try again.
func isUnavailable(err error) bool {
	failure, ok := errors.AsType[*verifier.KeysError](err)
	return ok && failure.RetryAfter > 0
}

func rounded(d time.Duration) string { return d.Round(time.Millisecond).String() }
