package field_test

import (
	"strings"
	"testing"

	"github.com/oidcrpc/oidcrpc/internal/field"
)

func TestCharactersAreThoseOfRFC9110(t *testing.T) {
	const alphanumeric = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	for c := range 256 {
		if got, want := field.IsTokenChar(byte(c)), strings.IndexByte(alphanumeric+"!#$%&'*+-.^_`|~", byte(c)) >= 0; got != want {
			t.Errorf("IsTokenChar(%#x) = %v, want %v", c, got, want)
		}
		if got, want := field.IsToken68Char(byte(c)), strings.IndexByte(alphanumeric+"-._~+/", byte(c)) >= 0; got != want {
			t.Errorf("IsToken68Char(%#x) = %v, want %v", c, got, want)
		}
	}
}
