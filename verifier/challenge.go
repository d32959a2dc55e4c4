package verifier

import (
	"strings"

	"github.com/oidcrpc/oidcrpc/internal/field"
)

// A Challenge is one challenge of a WWW-Authenticate field (RFC 9110, section
// 11.6.1): a scheme followed by a token68 or by parameters.
type Challenge struct {
	Scheme  string
	Token68 string  // excludes Params
	Params  []Param // in the order in which they stand
}

// A Param is one parameter of a [Challenge]: a name and its unquoted value.
type Param struct{ Name, Value string }

// Param returns the value of the first parameter of that name, in any case, or ""
// when there is none.
func (c Challenge) Param(name string) string {
	for _, p := range c.Params {
		if strings.EqualFold(p.Name, name) {
			return p.Value
		}
	}
	return ""
}

// String returns the challenge as it stands in the field. Values are written as
// quoted-strings. What a field or a gRPC trailer cannot carry (control and
// non-ASCII characters) is replaced, by question marks in values and by underscores
// elsewhere, whatever c holds.
func (c Challenge) String() string {
	var b strings.Builder
	b.WriteString(strings.Map(tokenRune, c.Scheme))
	if c.Token68 != "" {
		b.WriteByte(' ')
		b.WriteString(strings.Map(token68Rune, c.Token68))
		return b.String()
	}
	separator := " "
	for _, p := range c.Params {
		b.WriteString(separator)
		b.WriteString(strings.Map(tokenRune, p.Name))
		b.WriteString(`="`)
		for _, r := range p.Value {
			if r == '"' || r == '\\' {
				b.WriteByte('\\')
			}
			if r < 0x20 || r > 0x7E {
				r = '?'
			}
			b.WriteRune(r)
		}
		b.WriteByte('"')
		separator = ", "
	}
	return b.String()
}

func tokenRune(r rune) rune {
	if r < 0x80 && field.IsTokenChar(byte(r)) {
		return r
	}
	return '_'
}

func token68Rune(r rune) rune {
	if r < 0x80 && (field.IsToken68Char(byte(r)) || r == '=') {
		return r
	}
	return '_'
}
