package refresh

import (
	"context"
	"sync/atomic"
	"time"
)

// A Result is what became of one fetch.
type Result[T any] struct {
	Key      string // "" for a probe
	IsKnown  bool
	Asked    time.Time // when the fetch began
	Duration time.Duration
	Value    T
	Err      error
	Failures int // consecutive, as in [Event]
}

// IsOutage reports whether the result counts against the owner, and not only against the key.
func (r *Result[T]) IsOutage() bool { return r.Err != nil && r.Key == "" }

// A groupFlight is one fetch, shared by all calls waiting for it.
type groupFlight[T any] struct {
	result Result[T]     // final once done is closed
	done   chan struct{} // closed at the end
}

func newGroupFlight[T any](begun Result[T]) *groupFlight[T] {
	return &groupFlight[T]{result: begun, done: make(chan struct{})}
}

// fetch asks with a context of its own: a caller who gives up must not fail the others.
func (f *groupFlight[T]) fetch(
	timeout time.Duration, ask func(ctx context.Context, key string) (T, error),
) Result[T] {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	r := f.result
	var value T
	var failure error
	err := CallWithDeadline(ctx, func() { value, failure = ask(ctx, r.Key) })
	if err == nil { // otherwise it may still be running: don't touch its results
		r.Value, err = value, failure
	}
	r.Err = err
	r.Duration = time.Since(r.Asked)
	return r
}

// wait waits for the end, or returns an error if the call can't. The counter says how many wait.
func (f *groupFlight[T]) wait(ctx context.Context, waiting *atomic.Int64) error {
	defer waiting.Add(-1)
	if waiting.Add(1) > maxWaiting {
		return &Unavailable{RetryAfter: time.Second, Err: ErrWaiting}
	}
	select {
	case <-f.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
