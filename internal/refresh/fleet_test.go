package refresh

import (
	"errors"
	"testing"
	"time"
)

// Ten thousand replicas that start within one second fetch at the same time once. From then
// on each draws its own time for every refresh, and the fleet's requests spread out. The
// simulation follows each busy replica's schedule, second by second.
func TestRefreshJitterSpreadsAFleet(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes seconds")
	}
	const (
		replicas = 10_000
		day      = 24 * time.Hour
		ttl      = 5 * time.Minute
		maxStale = time.Hour
		latency  = 100 * time.Millisecond
	)
	epoch := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		name        string
		outageAt    time.Duration // as seen from the epoch
		outageEnds  time.Duration
		spreadAfter time.Duration
	}{
		{"started together", 0, 0, ttl},
		{"lost together", 6 * time.Hour, 8 * time.Hour, 8*time.Hour + maxBackoff + ttl},
	} {
		t.Run(test.name, func(t *testing.T) {
			var requests [day / time.Second]int
			for replica := range replicas {
				now := epoch.Add(time.Duration(replica) * time.Second / replicas)
				var outage outage
				for now.Sub(epoch) < day {
					at := now.Sub(epoch)
					requests[at/time.Second]++
					now = now.Add(latency)
					if at >= test.outageAt && at < test.outageEnds {
						outage.extend(now, now, errors.New("down"))
						now = time.Time(outage.retryAt)
						continue
					}
					outage.end()
					var v Version[int]
					v.setLifetime(now, Life{TTL: ttl, MaxStale: maxStale})
					now = time.Time(v.refreshAt)
				}
			}
			peak, total := 0, 0
			spread := requests[test.spreadAfter/time.Second:]
			for _, n := range spread {
				peak = max(peak, n)
				total += n
			}
			mean := float64(total) / float64(len(spread))
			t.Logf("after %v: %.1f requests a second, at most %d: %.2f times the mean",
				test.spreadAfter, mean, peak, float64(peak)/mean)
			if float64(peak) > 3*mean {
				t.Errorf("a peak of %d requests a second, want up to 3 times the mean of %.1f", peak, mean)
			}
		})
	}
}
