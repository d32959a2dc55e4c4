package verifier

import (
	"math"
	"testing"
	"time"
)

func TestADateIsTheNumberItWasReadFrom(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]time.Time{
		"0": time.Unix(0, 0), "-0": time.Unix(0, 0), "1.5": time.Unix(1, 5e8), "-1.5": time.Unix(-1, -5e8),
		"1800000000.123": time.Unix(1800000000, int64(math.Mod(1800000000.123, 1)*1e9)),
		"1e9":            time.Unix(1e9, 0), "4e9": time.Unix(4e9, 0), "253402300799": time.Unix(253402300799, 0),
		"9007199254740992": time.Unix(1<<53, 0), "-9007199254740992": time.Unix(-1<<53, 0),
		"-62135596800": time.Unix(-62135596800, 0),
	} {
		d, ok := numericDate(value)
		if got := d.time(); !ok || got != want {
			t.Errorf("%s is read as %v, %v; want %v", value, got, ok, want)
		}
		if got, want := d.truncated().time(), want.Truncate(time.Second); !got.Equal(want) {
			t.Errorf("%s is truncated to %v, want %v", value, got, want)
		}
	}
	for _, value := range []string{"1e300", "-1e300", `"1"`, "null", "9007199254740993"} {
		if d, ok := numericDate(value); ok || !d.time().IsZero() {
			t.Errorf("%s is read as %v, want no date", value, d.time())
		}
	}
	if d := date(0); !d.time().IsZero() || d.truncated() != 0 {
		t.Error("the zero date is one")
	}
}
