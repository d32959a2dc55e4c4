// Package field classifies the characters allowed in HTTP authentication fields and in log lines.
package field

import "strings"

// IsTokenChar reports whether c may appear in a token (RFC 9110, section 5.6.2).
func IsTokenChar(c byte) bool { return tokenChars[c] }

// IsToken68Char reports whether c may appear in a token68 (RFC 9110, section 11.2), except for
// the trailing "=".
func IsToken68Char(c byte) bool { return token68Chars[c] }

// IsCookieOctet reports whether c may appear in a cookie's value (RFC 6265, section 4.1.1).
func IsCookieOctet(c byte) bool { return cookieOctets[c] }

// A set is a lookup table. An access token's characters are close to random, so a branch on each
// one would often be mispredicted.
type set [256]bool

var (
	tokenChars   = alphanumericsAnd("!#$%&'*+-.^_`|~")
	token68Chars = alphanumericsAnd("-._~+/")
	cookieOctets = alphanumericsAnd("!#$%&'()*+-./:<=>?@[]^_`{|}~")
)

func alphanumericsAnd(others string) (chars set) {
	const alphanumerics = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	for _, c := range []byte(alphanumerics + others) {
		chars[c] = true
	}
	return chars
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
