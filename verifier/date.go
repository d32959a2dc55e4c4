package verifier

import (
	"math"
	"time"

	"github.com/oidcrpc/oidcrpc/internal/strictjson"
)

// A date is a NumericDate (RFC 7519, section 2) in 8 bytes. The zero date is none.
type date uint64

// numericDate reads seconds since the epoch.
func numericDate(value string) (date, bool) {
	seconds, ok := strictjson.Number(value)
	if !ok {
		return 0, false
	}
	return dateOf(seconds), true
}

func dateOf(seconds float64) date { return date(^math.Float64bits(seconds)) } // a number isn't NaN

// time returns the zero time for no date.
func (d date) time() time.Time {
	if d == 0 {
		return time.Time{}
	}
	seconds := math.Float64frombits(^uint64(d))
	whole := int64(seconds)
	return time.Unix(whole, int64((seconds-float64(whole))*1e9))
}

// truncated returns the date without a fraction.
func (d date) truncated() date {
	if d == 0 {
		return 0
	}
	return dateOf(float64(d.time().Truncate(time.Second).Unix()))
}
