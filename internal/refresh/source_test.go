package refresh

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// An owner hands out a number that it can change, and takes its time.
type owner struct {
	value   atomic.Int64
	latency atomic.Int64 // nanoseconds
	err     atomic.Pointer[error]
	asked   atomic.Int64
}

func (o *owner) fetch(ctx context.Context, _ *Version[int64], _ Reason) (int64, Life, error) {
	o.asked.Add(1)
	value := o.value.Load()
	select {
	case <-time.After(time.Duration(o.latency.Load())):
	case <-ctx.Done():
		return 0, Life{}, ctx.Err()
	}
	if err := o.err.Load(); err != nil {
		return 0, Life{}, *err
	}
	return value, Life{TTL: 5 * time.Minute, MaxStale: time.Hour}, nil
}

func (o *owner) fail(err error) { o.err.Store(&err) }

func (o *owner) source() *Source[int64] {
	return New(Config[int64]{Fetch: o.fetch, Timeout: 3 * time.Second})
}

func mustFind(t *testing.T, s *Source[int64]) {
	t.Helper()
	v, err := s.Find(t.Context(), Demand[int64]{})
	if err != nil {
		t.Fatalf("Find: %v", err)
	}
	if v.Value != 0 {
		t.Fatalf("Find = %d, want the owner's value", v.Value)
	}
}

func errorsAs(err error) (*Unavailable, bool) { return errors.AsType[*Unavailable](err) }

// However short a version lives, the call that waited for it gets it.
func TestFindReturnsTheVersionThatItWaitedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		s := New(Config[int]{Timeout: time.Second, Fetch: func(context.Context, *Version[int], Reason) (int, Life, error) {
			asked++
			return asked, Life{TTL: 1}, nil
		}})
		for want := range 3 {
			v, err := s.Find(t.Context(), Demand[int]{})
			if err != nil || v.Value != want+1 {
				t.Fatalf("Find = %v, %v, want version %d", v, err, want+1)
			}
			time.Sleep(time.Second)
		}
	})
}

// Between a call's look at the version and its decision to wait, another call's fetch may fail.
// The call must hear of the version that it may use now, not of the failure.
func TestFetchThatFailsAmidACallMakesTheVersionUsable(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var o owner
		s := o.source()
		mustFind(t, s)
		o.fail(errors.New("down"))
		time.Sleep(6 * time.Minute)
		v, now := s.current.Load(), time.Now()
		if s.isUsable(v, now) { // no other goroutine needs the mutex
			t.Fatal("the version is usable past its time, though nothing has failed")
		}
		mustFind(t, s) // another call
		if f, err := s.join(v, false, now, Demand[int64]{}); f != nil || err != nil {
			t.Errorf("join = %v, %v, want to look again", f, err)
		}
		if _, err := s.join(v, true, now, Demand[int64]{}); err == nil {
			t.Error("join lets a call look again that the version wasn't enough for")
		}
	})
}

func TestFetchThatBeganInTimeMakesNoCallWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var o owner
		s := o.source()
		mustFind(t, s)
		o.latency.Store(int64(2 * time.Second))
		time.Sleep(5*time.Minute - time.Second)
		mustFind(t, s)                          // starts the refresh
		time.Sleep(time.Second + time.Second/2) // the version's time is over
		start := time.Now()
		mustFind(t, s)
		if waited := time.Since(start); waited != 0 {
			t.Errorf("a call waited for %v, want none to", waited)
		}
		time.Sleep(time.Second)
	})
}

// What blocks a fetch is news of the outage: else one failed fetch shortly before a version
// is due would have it refused from its expiry until the next attempt.
func TestFailureThatBlocksTheDueFetchIsNewsOfTheOutage(t *testing.T) {
	t.Parallel()
	for age := range 10 * 60 {
		synctest.Test(t, func(t *testing.T) {
			var o owner
			s := o.source()
			mustFind(t, s)
			o.fail(errors.New("down"))
			strangers := NewBudget(4, 10*time.Second)
			start := time.Now()
			time.Sleep(time.Duration(age) * time.Second / 2) // so that it falls before, at and after the refresh time
			for time.Since(start) < 20*time.Minute {
				_, _ = s.Find(t.Context(), Demand[int64]{
					Enough: func(*Version[int64]) bool { return false }, Budget: strangers, Reason: "stranger",
				})
				for range 10 {
					time.Sleep(time.Second)
					if s.Current() == nil {
						t.Fatalf("no version after %v", time.Since(start))
					}
				}
			}
		})
	}
}

// A machine that sleeps has slept through the refresh time by one clock only.
func TestOutageIsCurrentByEitherClock(t *testing.T) {
	t.Parallel()
	now := time.Now()
	var v Version[int]
	v.setLifetime(now, Life{TTL: 5 * time.Minute, MaxStale: time.Hour})
	awake := suspended(now.Add(time.Second), 10*60)
	var o outage
	o.extend(awake, awake, errors.New("down"))
	if !o.isCurrent(v.refreshAt, v.ttl, awake) {
		t.Error("the failure after waking up is no news")
	}
	if !o.blocks(awake) {
		t.Error("the failure doesn't keep the next fetch away")
	}
	if later := suspended(awake, 60); o.blocks(later) {
		t.Error("a failure before the machine slept keeps the next fetch away")
	}
	if later := suspended(awake, 10*60); o.isCurrent(v.refreshAt, v.ttl, later) {
		t.Error("a failure before the machine slept is still news")
	}
}

func TestBudgetRefillsByEitherClock(t *testing.T) {
	t.Parallel()
	now := time.Now()
	b := NewBudget(1, time.Minute)
	if b.Take(now) != 0 || b.Take(now) != time.Minute {
		t.Fatal("a burst of one is not one")
	}
	if wait := b.Take(suspended(now, 61)); wait != 0 {
		t.Errorf("after a minute of sleep: wait = %v, want none", wait)
	}
}

func TestOnlySoManyCallsWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var o owner
		o.latency.Store(int64(time.Second))
		s := o.source()
		var served, refused atomic.Int64
		var wg sync.WaitGroup
		for range maxWaiting + 500 {
			wg.Go(func() {
				start := time.Now()
				_, err := s.Find(t.Context(), Demand[int64]{})
				switch {
				case err == nil:
					served.Add(1)
				case errors.Is(err, ErrWaiting) && time.Since(start) == 0:
					refused.Add(1)
				}
			})
		}
		wg.Wait()
		if served.Load() != maxWaiting || refused.Load() != 500 {
			t.Errorf("%d calls were served and %d refused at once, want %d and 500", served.Load(), refused.Load(), maxWaiting)
		}
		mustFind(t, s) // there's room again
		if o.asked.Load() != 1 {
			t.Errorf("%d fetches, want one", o.asked.Load())
		}
	})
}

// A call that comes late in one fetch and needs another doesn't wait for two.
func TestCallWaitsNoLongerThanOneFetchTakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var o owner
		s := o.source()
		mustFind(t, s)
		o.latency.Store(int64(2900 * time.Millisecond))
		demand := Demand[int64]{Enough: func(*Version[int64]) bool { return false }, Reason: "more"}
		var wg sync.WaitGroup
		wg.Go(func() { _, _ = s.Find(t.Context(), demand) })
		time.Sleep(100 * time.Millisecond)
		start := time.Now()
		_, err := s.Find(t.Context(), demand) // the other's fetch, and then its own
		if waited := time.Since(start); waited > 3*time.Second+2*patience || !errors.Is(err, ErrSlow) {
			t.Errorf("Find: %v after %v, want ErrSlow after the time of one fetch", err, waited)
		}
		wg.Wait()
		time.Sleep(3 * time.Second)
	})
}

// A caller who gives up makes room for another.
func TestCanceledCallsWaitNoMore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var o owner
		o.latency.Store(int64(2 * time.Second))
		s := o.source()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var wg sync.WaitGroup
		for range maxWaiting {
			wg.Go(func() {
				if _, err := s.Find(ctx, Demand[int64]{}); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("Find: %v, want the context's error", err)
				}
			})
		}
		wg.Wait()
		mustFind(t, s)
	})
}

type asksForPatience time.Duration

func (asksForPatience) Error() string               { return "not now" }
func (a asksForPatience) RetryAfter() time.Duration { return time.Duration(a) }

func TestRetryAfterIsHonouredWithinReason(t *testing.T) {
	t.Parallel()
	for asked, want := range map[time.Duration][2]time.Duration{
		0:               {0, minBackoff},
		3 * time.Second: {3 * time.Second, 3 * time.Second},
		time.Hour:       {youngBackoff, youngBackoff},
	} {
		var o outage
		now := time.Now()
		o.extend(now, now, fmt.Errorf("wrapped: %w", asksForPatience(asked)))
		if got := time.Time(o.retryAt).Sub(now); got < want[0] || got > want[1] {
			t.Errorf("Retry-After %v: the next fetch is %v away, want %v to %v", asked, got, want[0], want[1])
		}
	}
}

// A fetch that hangs has used up its wait.
func TestBackoffCountsFromTheStartOfTheFetch(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for range 100 {
		o := outage{failures: 1000, since: moment(now)}
		o.extend(now.Add(-3*time.Second), now, errors.New("timeout"))
		if got := time.Time(o.retryAt).Sub(now); got < minBackoff/2 || got > youngBackoff-3*time.Second {
			t.Fatalf("the next fetch is %v away, want %v to %v", got, minBackoff/2, youngBackoff-3*time.Second)
		}
	}
}

func TestBackoffGrowsWithTheOutage(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ age, want time.Duration }{
		{0, minBackoff}, {59 * time.Second, youngBackoff}, {time.Minute, olderBackoff},
		{10*time.Minute - 1, olderBackoff}, {10 * time.Minute, maxBackoff}, {24 * time.Hour, maxBackoff},
	} {
		now := time.Now()
		for range 100 {
			o := outage{failures: 1000, since: moment(now.Add(-test.age))}
			if test.age == 0 {
				o.failures = 0
			}
			o.extend(now, now, errors.New("down"))
			if got := time.Time(o.retryAt).Sub(now); got < test.want/2 || got > test.want {
				t.Fatalf("after %v: the next fetch is %v away, want half of %v to all", test.age, got, test.want)
			}
		}
	}
}

// Strangers share one budget over all their sources, and a guest who is admitted gets back
// what it has paid.
func TestLimitedSourcesShareABudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var o owner
		shared := NewBudget(2, time.Hour)
		sources := []*Source[int64]{o.source(), o.source(), o.source()}
		for _, s := range sources {
			s.Limit(shared, 0)
		}
		mustFind(t, sources[0])
		mustFind(t, sources[1])
		_, err := sources[2].Find(t.Context(), Demand[int64]{})
		if unavailable, ok := errorsAs(err); !ok || !errors.Is(err, ErrBudget) || unavailable.RetryAfter != time.Hour {
			t.Errorf("Find: %v, want a spent budget for an hour", err)
		}
		sources[0].Unlimit()
		mustFind(t, sources[2])
		time.Sleep(6 * time.Minute)
		mustFind(t, sources[0]) // it isn't limited any more
		if sources[1].Current() != nil {
			t.Error("a limited source uses what is past its time")
		}
	})
}

func TestFixedVersionNeedsNoFetch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := Fixed(7)
		time.Sleep(1000 * time.Hour)
		v, err := s.Find(t.Context(), Demand[int]{})
		if err != nil || v.Value != 7 || !v.IsFixed() || s.Current() != v {
			t.Errorf("Find = %v, %v, want the fixed version", v, err)
		}
	})
}
