// Package field knows what may stand in HTTP fields about authentication and in log lines.
package field

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// IsTokenChar reports whether c may appear in a token (RFC 9110, section 5.6.2).
func IsTokenChar(c byte) bool { return tokenChars[c] != 0 }

// IsToken68Char reports whether c may appear in a token68 (RFC 9110, section 11.2), except for
// the trailing "=".
func IsToken68Char(c byte) bool { return token68Chars[c] != 0 }

// IsToken68 follows RFC 9110, section 11.2, as the b64token in RFC 6750, section 2.1, does.
func IsToken68(s string) bool {
	s = strings.TrimRight(s, "=")
	return s != "" && token68Chars.hasAll(s)
}

// IsCookieOctet reports whether c may appear in a cookie's value (RFC 6265, section 4.1.1).
func IsCookieOctet(c byte) bool { return cookieOctets[c] != 0 }

// A set is a lookup table, with 1 for what it holds. An access token's characters are close to
// random, so a branch on each one would often be mispredicted.
type set [256]byte

// hasAll reports whether s has no other characters. It's called for every token of every call.
func (c *set) hasAll(s string) bool {
	for ; len(s) >= 8; s = s[8:] {
		if c[s[0]]&c[s[1]]&c[s[2]]&c[s[3]]&c[s[4]]&c[s[5]]&c[s[6]]&c[s[7]] == 0 {
			return false
		}
	}
	for i := range len(s) {
		if c[s[i]] == 0 {
			return false
		}
	}
	return true
}

var (
	tokenChars   = alphanumericsAnd("!#$%&'*+-.^_`|~")
	token68Chars = alphanumericsAnd("-._~+/")
	cookieOctets = alphanumericsAnd("!#$%&'()*+-./:<=>?@[]^_`{|}~")
)

func alphanumericsAnd(others string) (chars set) {
	const alphanumerics = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	for _, c := range []byte(alphanumerics + others) {
		chars[c] = 1
	}
	return chars
}

// RetryAfter reads a Retry-After field (RFC 9110, section 10.2.3). It returns 0 for an invalid
// value, and for a time in the past.
func RetryAfter(value string) time.Duration {
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if date, err := http.ParseTime(value); err == nil {
		return max(0, time.Until(date))
	}
	return 0
}

// maxPrintable is how many bytes [Printable] keeps.
const maxPrintable = 256

// Printable makes untrusted text safe for a log line. It keeps 256 bytes, adds "..." if it cut
// anything, and replaces everything but printable ASCII with "?".
func Printable(text string) string {
	if len(text) > maxPrintable {
		text = text[:maxPrintable] + "..."
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, text)
}
