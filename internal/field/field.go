// Package field knows the characters that may stand in HTTP authentication fields and in
// lines of a log.
package field

import "strings"

// IsTokenChar follows RFC 9110, section 5.6.2.
func IsTokenChar(c byte) bool { return tokenChars[c] }

// IsToken68Char follows RFC 9110, section 11.2, without the trailing "=".
func IsToken68Char(c byte) bool { return token68Chars[c] }

// A set of characters is a table: the characters of an access token are as good as
// random, and each branch on one is as often mispredicted.
type set [256]bool

var (
	tokenChars   = alphanumericsAnd("!#$%&'*+-.^_`|~")
	token68Chars = alphanumericsAnd("-._~+/")
)

func alphanumericsAnd(others string) (chars set) {
	const alphanumerics = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	for _, c := range []byte(alphanumerics + others) {
		chars[c] = true
	}
	return chars
}

const maxPrintable = 256

// Printable makes a foreign text fit for a line in a log: it's bounded, and what isn't
// printable ASCII is replaced.
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
