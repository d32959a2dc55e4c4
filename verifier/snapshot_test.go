package verifier

import (
	"testing"
	"time"
	"unsafe"
)

// suspended returns what the clocks say when the machine was asleep for so many seconds:
// the one of the wall went on, and the monotonic one did not.
func suspended(now time.Time, seconds uint64) time.Time {
	wall := (*uint64)(unsafe.Pointer(&now)) // the seconds begin at bit 30
	*wall += seconds << 30
	return now
}

func TestKeysGrowOldWhileTheMachineIsSuspended(t *testing.T) {
	now := time.Now()
	var s snapshot
	s.live(now, 5*time.Minute, time.Hour)
	awake := suspended(now, 24*3600)
	if awake.Sub(now) != 0 || awake.Round(0).Sub(now.Round(0)) != 24*time.Hour {
		t.Fatal("the clocks are not set as this test means them to be")
	}
	if s.isFresh(awake) || !s.isExpired(awake) || !s.isDead(awake) {
		t.Error("keys of yesterday are used")
	}
}

func TestKeysGrowOldWhateverBecomesOfTheWallClock(t *testing.T) {
	now := time.Now()
	var s snapshot
	s.live(now, 5*time.Minute, time.Hour)
	const hour = 3600
	setBack := suspended(now.Add(2*time.Hour), ^uint64(3*hour)+1)
	if setBack.Sub(now) != 2*time.Hour || !setBack.Round(0).Before(now.Round(0)) {
		t.Fatal("the clocks are not set as this test means them to be")
	}
	if s.isFresh(setBack) || !s.isDead(setBack) {
		t.Error("keys of two hours ago are used, since the clock was set back")
	}
}
