package refresh

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestCallsForOneKeyShareAFetch(t *testing.T) {
	inBubble(t, func(t *testing.T, k *keeper) {
		var calls sync.WaitGroup
		for range 100 {
			for _, key := range []string{"one", "three"} {
				calls.Go(func() {
					if value, err := k.get(t.Context(), key, strange); value != len(key) || err != nil {
						t.Errorf("Get(%q) = %d, %v", key, value, err)
					}
				})
			}
		}
		calls.Wait()
		k.wantAsked(t, "one", 1)
		k.wantAsked(t, "three", 1)
	})
}

func TestAValueThatHasJustArrivedIsNotFetched(t *testing.T) {
	inBubble(t, func(t *testing.T, k *keeper) {
		held := func() (int, bool) { return 7, true }
		if value, err := k.Get(t.Context(), "key", strange, held); value != 7 || err != nil {
			t.Errorf("Get = %d, %v, want the value held", value, err)
		}
		k.Renew("key", held)
		k.wantAsked(t, "key", 0)
	})
}

func TestACallerWhoLeavesEndsNoFetch(t *testing.T) {
	inBubble(t, func(t *testing.T, k *keeper) {
		ctx, leave := context.WithTimeout(t.Context(), keyLatency/2)
		defer leave()
		var other sync.WaitGroup
		other.Go(func() { k.wantValue(t, "key", strange) })
		synctest.Wait()
		if _, err := k.get(ctx, "key", strange); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Get: %v, want the context's error", err)
		}
		other.Wait()
		k.wantAsked(t, "key", 1)
	})
}

func TestRenewDoesNotWait(t *testing.T) {
	inBubble(t, func(t *testing.T, k *keeper) {
		start := time.Now()
		k.Renew("key", notHeld)
		k.Renew("key", notHeld)
		if took := time.Since(start); took != 0 {
			t.Errorf("it took %v", took)
		}
		k.wantAsked(t, "key", 1)
		time.Sleep(keyLatency) // for its end
	})
}

func TestStrangersSpendABudgetOfTheirOwn(t *testing.T) {
	inBubble(t, func(t *testing.T, k *keeper) {
		for n := range strangeBurst {
			k.wantValue(t, fmt.Sprint("stranger ", n), strange)
		}
		wait := k.wantUnavailable(t, "one too many", strange, ErrBudget)
		for n := range knownBurst {
			k.wantValue(t, fmt.Sprint("known ", n), known)
		}
		k.wantUnavailable(t, "one too many", known, ErrBudget)
		k.wantAsked(t, "one too many", 0)
		time.Sleep(wait)
		k.wantValue(t, "one too many", strange)
	})
}

func TestKeepSaysWhatTheBudgetGetsBack(t *testing.T) {
	inBubble(t, func(t *testing.T, k *keeper) {
		k.refund = true
		for n := range 10 * strangeBurst {
			k.wantValue(t, fmt.Sprint("good ", n), strange)
		}
		k.refund = false
		for n := range strangeBurst {
			k.wantValue(t, fmt.Sprint("bad ", n), strange)
		}
		k.wantUnavailable(t, "one too many", strange, ErrBudget)
	})
}

func TestOnlySoManyCallsWaitForAGroup(t *testing.T) {
	inBubble(t, func(t *testing.T, k *keeper) {
		var calls sync.WaitGroup
		for range maxWaiting {
			calls.Go(func() { k.wantValue(t, "key", strange) })
		}
		synctest.Wait()
		k.wantUnavailable(t, "key", strange, ErrWaiting)
		calls.Wait()
		k.wantValue(t, "key", strange)
		k.wantAsked(t, "key", 2)
	})
}

func TestAFetchThatGoesAstrayIsAFailure(t *testing.T) {
	for name, fail := range map[string]func(string) error{
		"it panics": func(string) error { panic("a bug") },
		"it hangs":  func(string) error { time.Sleep(time.Hour); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, k *keeper) {
				k.failAs(fail)
				start := time.Now()
				if _, err := k.get(t.Context(), "key", known); err == nil {
					t.Error("want an error")
				}
				if took := time.Since(start); took > keyTimeout+patience {
					t.Errorf("the call took %v, want %v at most", took, keyTimeout+patience)
				}
				if time.Sleep(2 * keyTimeout); k.State().Failures != 1 { // the probe went astray, too
					t.Error("want a failure")
				}
				time.Sleep(time.Hour) // for the one that hangs
			})
		})
	}
}

func TestEveryFetchIsReported(t *testing.T) {
	inBubble(t, func(t *testing.T, k *keeper) {
		k.wantValue(t, "known", known)
		k.failFor("hostile")
		_, _ = k.get(t.Context(), "hostile", strange)
		time.Sleep(2 * keyLatency) // for the probe
		k.goDown()
		_, _ = k.get(t.Context(), "known", known)
		time.Sleep(2 * keyLatency)
		k.comeBack()
		time.Sleep(time.Until(k.State().NextFetch))
		k.wantValue(t, "stranger", strange)
		synctest.Wait()
		var got []string
		for _, r := range k.results {
			if r.Duration != keyLatency {
				t.Errorf("%q took %v, want %v", r.Key, r.Duration, keyLatency)
			}
			got = append(got, fmt.Sprintf("%q %v %d %v %v %d", r.Key, r.IsKnown, r.Value, r.Err, r.IsOutage(), r.Failures))
		}
		want := []string{
			`"known" true 5 <nil> false 0`,
			`"hostile" false 0 the owner is down false 0`,
			`"" false 0 <nil> false 0`,
			`"known" true 0 the owner is down false 0`,
			`"" false 0 the owner is down true 1`,
			`"" false 0 <nil> false 1`,
			`"stranger" false 8 <nil> false 0`,
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("the reports are\n%q\nwant\n%q", got, want)
		}
	})
}
