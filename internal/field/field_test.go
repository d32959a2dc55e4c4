package field_test

import (
	"strings"
	"testing"

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
