package refresh

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestAKeysOwnFailureIsNoOutage(t *testing.T) {
	for name, isKnown := range map[string]bool{"a stranger's": strange, "a known key's": known} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, k *keeper) {
				k.failFor("hostile")
				_, err := k.get(t.Context(), "hostile", isKnown)
				if _, ok := errorsAs(err); ok || !errors.Is(err, errDown) {
					t.Errorf("Get: %v, want Fetch's own error", err)
				}
				k.wantAsked(t, "", 1)
				k.wantValue(t, "good", strange)
				if state := k.State(); state.Failures != 0 || !state.LastFailure.IsZero() {
					t.Errorf("State = %+v, want no failures", state)
				}
			})
		})
	}
}

// Whichever key first shows it, an outage costs one fetch for each back-off and no caller waits.
func TestInAnOutageOnlyProbesAreSent(t *testing.T) {
	for name, isKnown := range map[string]bool{"a stranger's key fails first": strange, "a known key fails first": known} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, k *keeper) {
				k.goDown()
				if _, err := k.get(t.Context(), "first", isKnown); !errors.Is(err, errDown) {
					t.Fatalf("Get: %v", err)
				}
				time.Sleep(keyLatency) // for a probe, if it takes one
				synctest.Wait()
				k.mu.Lock()
				probes := k.asked[""]
				k.mu.Unlock()
				for range 5 {
					start := time.Now()
					wait := k.wantUnavailable(t, "next", strange, errDown)
					k.wantUnavailable(t, "next", known, errDown)
					if took := time.Since(start); took != 0 {
						t.Errorf("the calls took %v", took)
					}
					k.wantAsked(t, "", probes)
					time.Sleep(wait)
					probes++
					k.wantUnavailable(t, "next", strange, errDown)
					k.wantAsked(t, "", probes)
				}
				k.wantAsked(t, "next", 0)
				k.comeBack()
				time.Sleep(time.Until(k.State().NextFetch))
				k.wantValue(t, "next", strange)
				k.wantAsked(t, "", probes+1)
				if state := k.State(); state.Failures != 0 || state.LastSuccess.IsZero() || !errors.Is(state.Err, errDown) {
					t.Errorf("after the outage, State = %+v", state)
				}
			})
		})
	}
}

// What an outage made of strangers' keys says nothing about them.
func TestTheEndOfAnOutageFillsTheStrangersBudget(t *testing.T) {
	inBubble(t, func(t *testing.T, k *keeper) {
		k.goDown()
		var calls sync.WaitGroup
		for n := range strangeBurst {
			calls.Go(func() { _, _ = k.get(t.Context(), fmt.Sprint("stranger ", n), strange) })
		}
		calls.Wait()
		time.Sleep(2 * keyLatency) // for the probe
		k.comeBack()
		time.Sleep(time.Until(k.State().NextFetch))
		for n := range strangeBurst {
			k.wantValue(t, fmt.Sprint("stranger ", n), strange)
		}
		k.wantUnavailable(t, "one too many", strange, ErrBudget)
	})
}

func TestProbeAsksOnceForAllAndNotInABackOff(t *testing.T) {
	inBubble(t, func(t *testing.T, k *keeper) {
		k.goDown()
		var calls sync.WaitGroup
		for range 10 {
			calls.Go(func() {
				if err := k.Probe(t.Context()); !errors.Is(err, errDown) {
					t.Errorf("Probe: %v", err)
				}
			})
		}
		calls.Wait()
		if _, ok := errorsAs(k.Probe(t.Context())); !ok {
			t.Error("want Unavailable in a back-off")
		}
		k.wantAsked(t, "", 1)
		k.comeBack()
		time.Sleep(time.Until(k.State().NextFetch))
		if err := k.Probe(t.Context()); err != nil {
			t.Errorf("Probe: %v", err)
		}
		k.wantAsked(t, "", 2)
	})
}
