// Package field knows the characters of HTTP authentication fields.
package field

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
