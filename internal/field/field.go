// Package field knows the characters of HTTP authentication fields.
package field

import "strings"

// IsTokenChar follows RFC 9110, section 5.6.2.
func IsTokenChar(c byte) bool {
	return isAlphanumeric(c) || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

// IsToken68Char follows RFC 9110, section 11.2, without the trailing "=".
func IsToken68Char(c byte) bool {
	return isAlphanumeric(c) || strings.IndexByte("-._~+/", c) >= 0
}

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}
