package field_test

import (
	"strings"
	"testing"
	"time"

	"github.com/oidcrpc/oidcrpc/internal/field"
)

func TestCharactersFollowTheRFCs(t *testing.T) {
	t.Parallel()
	const alphanumeric = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	for c := range 256 {
		if got, want := field.IsTokenChar(byte(c)), strings.IndexByte(alphanumeric+"!#$%&'*+-.^_`|~", byte(c)) >= 0; got != want {
			t.Errorf("IsTokenChar(%#x) = %v, want %v", c, got, want)
		}
		if got, want := field.IsToken68Char(byte(c)), strings.IndexByte(alphanumeric+"-._~+/", byte(c)) >= 0; got != want {
			t.Errorf("IsToken68Char(%#x) = %v, want %v", c, got, want)
		}
		// %x21 / %x23-2B / %x2D-3A / %x3C-5B / %x5D-7E
		isOctet := c > ' ' && c <= '~' && strings.IndexByte(`",;\`, byte(c)) < 0
		if got := field.IsCookieOctet(byte(c)); got != isOctet {
			t.Errorf("IsCookieOctet(%#x) = %v, want %v", c, got, isOctet)
		}
	}
}

func TestPrintableIsShortAndPlain(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                            "",
		"https://issuer.test/a?b=c#d": "https://issuer.test/a?b=c#d",
		`"quoted" \ and more~`:        `"quoted" \ and more~`,
		"line\r\nline":                "line??line",
		"\x1b[2J\t\x00\x7f":           "?[2J???",
		"\u00e9\u202e\u20ac":          "???",
		"\xff\xfe":                    "??",
		strings.Repeat("a", 256):      strings.Repeat("a", 256),
		strings.Repeat("a", 257):      strings.Repeat("a", 256) + "...",
		strings.Repeat("a", 1<<20):    strings.Repeat("a", 256) + "...",
		strings.Repeat("\u20ac", 100): strings.Repeat("?", 86) + "...", // cut within the last
	} {
		if got := field.Printable(text); got != want {
			t.Errorf("Printable(%.50q) = %q, want %q", text, got, want)
		}
	}
}

func TestEveryCharacterOfAToken68IsLookedAt(t *testing.T) {
	t.Parallel()
	for size := range 30 {
		good := strings.Repeat("a", size)
		if got := field.IsToken68(good); got != (size > 0) {
			t.Errorf("IsToken68 of %d characters = %v", size, got)
		}
		for at := range good {
			if bad := good[:at] + " " + good[at+1:]; field.IsToken68(bad) {
				t.Errorf("IsToken68(%q) = true", bad)
			}
		}
	}
}

func TestToken68MayOnlyEndInEqualsSigns(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]bool{
		"a": true, "aZ9-._~+/": true, "a=": true, "a==": true, "": false, "=": false, "a=b": false, "a b": false, "a,": false,
	} {
		if got := field.IsToken68(s); got != want {
			t.Errorf("IsToken68(%q) = %v, want %v", s, got, want)
		}
	}
}

func TestRetryAfterIsSecondsOrADate(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]time.Duration{
		"7": 7 * time.Second, "0": 0, "": 0, "-1": 0, "1.5": 0, "soon": 0, "99999999999": 0,
		"Mon, 02 Jan 2006 15:04:05 GMT": 0,
	} {
		if got := field.RetryAfter(value); got != want {
			t.Errorf("RetryAfter(%q) = %v, want %v", value, got, want)
		}
	}
	if got := field.RetryAfter("Fri, 01 Jan 2100 00:00:00 GMT"); got < time.Hour {
		t.Errorf("RetryAfter of a date = %v", got)
	}
}
