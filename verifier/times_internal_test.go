package verifier

import (
	"testing"
	"time"
)

// A period is never longer than the time in which claims are valid, and shorter by two microseconds
// at most.
func TestAPeriodIsTheTimeInWhichClaimsAreValid(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	for name, moment := range map[string]time.Time{
		"now": now, "a nanosecond ago": now.Add(-1), "in a nanosecond": now.Add(1), "half a microsecond ago": now.Add(-500),
		"before 1970": time.Unix(-3, 999_999_999), "1970": time.Unix(0, 0), "year 1": {}, "year 9999": endOfTime,
		"the largest number": time.Unix(1<<53, 0), "the least number": time.Unix(-1<<53, 0),
	} {
		for _, leeway := range []time.Duration{0, 1, time.Second - 1, 5 * time.Minute} {
			early, late := newClaims(), newClaims()
			early.data.rules, late.data.rules = &claimRules{leeway: leeway}, &claimRules{leeway: leeway}
			early.data.notBefore, early.data.neverExpires = moment, true
			late.data.expiry = moment
			for _, slack := range []time.Duration{-leeway, leeway} {
				for _, off := range []time.Duration{-time.Hour, -2000, -1000, -1, 0, 1, 1000, 2000, time.Hour} {
					at := moment.Add(slack).Add(off)
					for what, c := range map[string]*Claims{"nbf": early, "exp": late} {
						if at.Unix() > 1e12 || at.Unix() < -1e12 {
							continue // no clock says so
						}
						isIn := periodOf(c).includes(at)
						if isIn && checkTimes(c, at) != nil {
							t.Fatalf("%s is %s, leeway %v: the period includes %v, too", what, name, leeway, at)
						}
						isFarIn := checkTimes(c, at.Add(-2000)) == nil && checkTimes(c, at.Add(2000)) == nil
						if !isIn && isFarIn && at.Before(endOfTime) {
							t.Fatalf("%s is %s, leeway %v: the period lacks %v", what, name, leeway, at)
						}
					}
				}
			}
		}
	}
}
