package verifier

import (
	"math"
	"time"
)

// checkTimes makes the only checks whose result can change for claims that were once valid.
func checkTimes(claims *Claims, now time.Time) *AuthError {
	leeway := claims.get().rules.leeway
	switch {
	case !now.Before(claims.ValidUntil()):
		refusal := refuse(CodeTokenExpired, "the token has expired")
		refusal.Err = &overdue{by: now.Sub(claims.Expiry()), leeway: leeway}
		return refusal
	case now.Before(claims.validFrom()):
		return refuse(CodeTokenNotYetValid, "the token is not valid yet").because(
			"nbf is %v from now, and Config.Leeway is %v: do the clocks differ?",
			claims.NotBefore().Sub(now).Round(time.Second), leeway)
	}
	return nil
}

// A period is the time in which claims pass checkTimes, without its first and last fractions of a
// second. It takes 8 bytes, is compared fast, and ends in 2106.
type period struct {
	from, until uint32 // in seconds since 1970
}

func periodOf(claims *Claims) period {
	return period{
		from:  unixSeconds(claims.validFrom().Add(time.Second - 1)),
		until: unixSeconds(claims.ValidUntil()),
	}
}

// unixSeconds rounds down, and into the range.
func unixSeconds(t time.Time) uint32 {
	return uint32(min(max(t.Unix(), 0), math.MaxUint32))
}

func (p period) includes(now time.Time) bool {
	at := now.Unix()
	return int64(p.from) <= at && at < int64(p.until)
}
