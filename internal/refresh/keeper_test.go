package refresh

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

const (
	keyLatency   = 100 * time.Millisecond
	keyTimeout   = 3 * time.Second
	knownBurst   = 4
	strangeBurst = 2
	refill       = time.Minute
)

var errDown = errors.New("the owner is down")

// A keeper owns many values, and counts who asks for them. It says that each key's value is the
// key's length.
type keeper struct {
	*Group[int]

	mu      sync.Mutex
	fail    func(key string) error // nil: nothing fails; "" is the probe
	refund  bool
	asked   map[string]int
	results []Result[int]
}

func newKeeper() *keeper {
	k := &keeper{asked: make(map[string]int)}
	k.Group = NewGroup(GroupConfig[int]{
		Fetch:   k.fetch,
		Probe:   func(ctx context.Context) error { _, err := k.fetch(ctx, ""); return err },
		Keep:    func(Result[int]) bool { return k.refund },
		Report:  k.report,
		Timeout: keyTimeout,
		Known:   NewBudget(knownBurst, refill),
		Strange: NewBudget(strangeBurst, refill),
	})
	return k
}

func (k *keeper) fetch(ctx context.Context, key string) (int, error) {
	k.mu.Lock()
	k.asked[key]++
	fail := k.fail
	k.mu.Unlock()
	select {
	case <-time.After(keyLatency):
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	if fail != nil {
		if err := fail(key); err != nil {
			return 0, err
		}
	}
	return len(key), nil
}

func (k *keeper) report(r Result[int]) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.results = append(k.results, r)
}

func (k *keeper) failAs(fail func(key string) error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.fail = fail
}

func (k *keeper) goDown() { k.failAs(func(string) error { return errDown }) }

func (k *keeper) comeBack() { k.failAs(nil) }

// failFor fails for one key.
func (k *keeper) failFor(key string) {
	k.failAs(func(asked string) error {
		if asked == key {
			return errDown
		}
		return nil
	})
}

func (k *keeper) wantAsked(t *testing.T, key string, want int) {
	t.Helper()
	synctest.Wait()
	k.mu.Lock()
	defer k.mu.Unlock()
	if got := k.asked[key]; got != want {
		t.Errorf("%q was asked for %d times, want %d", key, got, want)
	}
}

func (k *keeper) get(ctx context.Context, key string, isKnown bool) (int, error) {
	return k.Get(ctx, key, isKnown, notHeld)
}

func notHeld() (int, bool) { return 0, false }

const (
	known   = true
	strange = false
)

func (k *keeper) wantValue(t *testing.T, key string, isKnown bool) {
	t.Helper()
	if value, err := k.get(t.Context(), key, isKnown); value != len(key) || err != nil {
		t.Errorf("Get(%q) = %d, %v, want %d", key, value, err, len(key))
	}
}

// wantUnavailable wants an Unavailable for that reason, and returns when to try again.
func (k *keeper) wantUnavailable(t *testing.T, key string, isKnown bool, reason error) time.Duration {
	t.Helper()
	_, err := k.get(t.Context(), key, isKnown)
	unavailable, ok := errorsAs(err)
	if !ok || unavailable.RetryAfter <= 0 || !errors.Is(err, reason) {
		t.Errorf("Get(%q): %v, want Unavailable for %v", key, err, reason)
		return 0
	}
	return unavailable.RetryAfter
}

// inBubble runs a test with a keeper in a bubble of its own.
func inBubble(t *testing.T, test func(*testing.T, *keeper)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { test(t, newKeeper()) })
}
