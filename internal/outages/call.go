package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
)

// A tokenVerifier is what interceptors ask.
type tokenVerifier interface {
	Verify(ctx context.Context, token string) (*verifier.Claims, error)
}

// A sample is how long calls took, and what went wrong.
type sample struct {
	took     []time.Duration
	failures []error
}

// measure makes n calls, one after the other, with a pause in between.
func measure(ctx context.Context, v tokenVerifier, token string, n int, pause time.Duration) sample {
	var s sample
	for range n {
		start := time.Now()
		_, err := v.Verify(ctx, token)
		s.took = append(s.took, time.Since(start))
		if err != nil {
			s.failures = append(s.failures, err)
		}
		time.Sleep(pause)
	}
	slices.Sort(s.took)
	return s
}

func (s sample) and(other sample) sample {
	s.took = slices.Concat(s.took, other.took)
	s.failures = slices.Concat(s.failures, other.failures)
	slices.Sort(s.took)
	return s
}

func (s sample) p50() time.Duration { return s.took[len(s.took)/2] }
func (s sample) p99() time.Duration { return s.took[len(s.took)*99/100] }
func (s sample) max() time.Duration { return s.took[len(s.took)-1] }
func (s sample) served() int        { return len(s.took) - len(s.failures) }

// isLike reports whether half of the calls were about as quick as half of others, on a
// machine that has other things to do.
func (s sample) isLike(before sample) bool { return s.p50() <= 3*before.p50()+100*time.Microsecond }

// together makes n calls at once, and returns how many were served.
func together(n int, call func() error) int {
	var served atomic.Int32
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			if call() == nil {
				served.Add(1)
			}
		})
	}
	wg.Wait()
	return int(served.Load())
}

// isKeysError reports whether err is one that says when to try again.
func isKeysError(err error) bool {
	failure, ok := errors.AsType[*verifier.KeysError](err)
	return ok && failure.RetryAfter > 0
}

// withKid names another key in a token.
func withKid(token, kid string) string {
	_, rest, _ := strings.Cut(token, ".")
	header := fmt.Sprintf(`{"alg":"ES256","kid":%q}`, kid)
	return base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + rest
}

// until calls again and again until done, and returns how long that took.
func until(ctx context.Context, pause time.Duration, done func() bool) time.Duration {
	start := time.Now()
	for !done() && ctx.Err() == nil {
		time.Sleep(pause)
	}
	return time.Since(start)
}

func micro(d time.Duration) string { return d.Round(100 * time.Nanosecond).String() }
func milli(d time.Duration) string { return d.Round(time.Millisecond).String() }

// expect returns an error that says what is not so.
func expect(conditions map[string]bool) error {
	var broken []string
	for what, holds := range conditions {
		if !holds {
			broken = append(broken, "not so: "+what)
		}
	}
	slices.Sort(broken)
	if len(broken) == 0 {
		return nil
	}
	return errors.New(strings.Join(broken, "; "))
}
