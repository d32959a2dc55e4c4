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
		return refuse(CodeTokenExpired, "the token has expired").because(
			"exp was %v ago, and Config.Leeway is %v", now.Sub(claims.Expiry()).Round(time.Second), leeway)
	case now.Before(claims.validFrom()):
		return refuse(CodeTokenNotYetValid, "the token is not valid yet").because(
			"nbf is %v from now, and Config.Leeway is %v: do the clocks differ?",
			claims.NotBefore().Sub(now).Round(time.Second), leeway)
	}
	return nil
}

// A period is the time in which claims pass checkTimes, or less by some microseconds. It's compared
// faster.
type period struct {
	from, until int64 // in microseconds since 1970
}

func periodOf(claims *Claims) period {
	return period{
		from:  micros(claims.validFrom().Add(time.Microsecond - 1)),
		until: micros(claims.ValidUntil()),
	}
}

// micros rounds down, and returns an extreme for what is hundreds of thousands of years away.
func micros(t time.Time) int64 {
	const far = math.MaxInt64 / 1_000_000
	switch seconds := t.Unix(); {
	case seconds >= far:
		return math.MaxInt64
	case seconds <= -far:
		return math.MinInt64
	}
	return t.UnixMicro()
}

func (p period) includes(now time.Time) bool {
	at := now.UnixMicro()
	return p.from <= at && at < p.until
}
