package refresh

import (
	"testing"
	"time"
	"unsafe"
)

// suspended returns what the clocks say after the machine has slept for that many seconds:
// the wall clock went on, and the monotonic one did not.
func suspended(now time.Time, seconds uint64) time.Time {
	wall := (*uint64)(unsafe.Pointer(&now)) // the seconds begin at bit 30
	*wall += seconds << 30
	return now
}

func TestVersionAgesWhileTheMachineSleeps(t *testing.T) {
	t.Parallel()
	now := time.Now()
	var v Version[int]
	v.setLifetime(now, Life{TTL: 5 * time.Minute, MaxStale: time.Hour})
	awake := suspended(now, 24*3600)
	if awake.Sub(now) != 0 || awake.Round(0).Sub(now.Round(0)) != 24*time.Hour {
		t.Fatal("the clocks are not set as this test needs them")
	}
	if v.isFresh(awake) || !v.isExpired(awake) || !v.isDead(awake) {
		t.Error("yesterday's version is used")
	}
}

func TestVersionAgesThoughTheWallClockIsSetBack(t *testing.T) {
	t.Parallel()
	now := time.Now()
	var v Version[int]
	v.setLifetime(now, Life{TTL: 5 * time.Minute, MaxStale: time.Hour})
	const hour = 3600
	setBack := suspended(now.Add(2*time.Hour), ^uint64(3*hour)+1)
	if setBack.Sub(now) != 2*time.Hour || !setBack.Round(0).Before(now.Round(0)) {
		t.Fatal("the clocks are not set as this test needs them")
	}
	if v.isFresh(setBack) || !v.isDead(setBack) {
		t.Error("a version two hours old is used, since the clock was set back")
	}
}
