package verifier

import (
	"testing"
	"time"
)

// A period is never longer than the time in which claims are valid, and shorter by fractions of two
// seconds until 2106.
func TestAPeriodIsTheTimeInWhichClaimsAreValid(t *testing.T) {
	t.Parallel()
	for name, seconds := range map[string]float64{
		"now": 1.8e9, "a quarter of a microsecond ago": 1.8e9 - 0.25e-6, "half a microsecond ago": 1.8e9 - 0.5e-6,
		"in a quarter": 1.8e9 + 0.25e-6, "before 1970": -2.000000001, "1970": 0, "a nanosecond after 1970": 1e-9,
		"year 1": -62135596800, "year 9999": 253402300799, "the largest number": 1 << 53, "the least number": -1 << 53,
	} {
		moment := dateOf(seconds).time()
		for _, leeway := range []time.Duration{0, 1, time.Second - 1, 5 * time.Minute} {
			early, late := newClaims(), newClaims()
			early.data.rules, late.data.rules = &claimRules{leeway: leeway}, &claimRules{leeway: leeway}
			early.data.notBefore, early.data.neverExpires = dateOf(seconds), true
			late.data.expiry = dateOf(seconds)
			for _, slack := range []time.Duration{-leeway, leeway} {
				for _, off := range []time.Duration{-time.Hour, -time.Second, -1, 0, 1, time.Second, time.Hour} {
					at := moment.Add(slack).Add(off)
					for what, c := range map[string]*Claims{"nbf": early, "exp": late} {
						if at.Unix() > 1e12 || at.Unix() < -1e12 {
							continue // no clock says so
						}
						isIn := periodOf(c).includes(at)
						if isIn && checkTimes(c, at) != nil {
							t.Fatalf("%s is %s, leeway %v: the period includes %v, too", what, name, leeway, at)
						}
						isFarIn := checkTimes(c, at.Add(1-time.Second)) == nil && checkTimes(c, at.Add(time.Second-1)) == nil
						if !isIn && isFarIn && at.Unix() >= 0 && at.Unix() < 1<<32-1 {
							t.Fatalf("%s is %s, leeway %v: the period lacks %v", what, name, leeway, at)
						}
					}
				}
			}
		}
	}
}
