package verifier

import (
	"fmt"
	"strings"

	"github.com/oidcrpc/oidcrpc/internal/field"
)

// A Challenge is one challenge from a WWW-Authenticate field (RFC 9110, section 11.6.1): a scheme
// followed by a token68 or by parameters.
type Challenge struct {
	Scheme  string
	Token68 string  // if set, Params is empty
	Params  []Param // in the order they appear
}

// A Param is one parameter of a [Challenge], with its value unquoted.
type Param struct{ Name, Value string }

// Value returns the first parameter's value with this name, ignoring case, or "" if there is
// none.
func (c Challenge) Value(name string) string {
	for _, p := range c.Params {
		if strings.EqualFold(p.Name, name) {
			return p.Value
		}
	}
	return ""
}

// String formats the challenge for a WWW-Authenticate field, with values as quoted-strings.
// Characters that a field or gRPC trailer can't carry (control and non-ASCII) are replaced: with
// question marks in values, and with underscores elsewhere.
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

// ParseChallenges parses the values of WWW-Authenticate fields, from headers or trailers. One
// value may hold several challenges, with token or quoted-string parameters and empty list
// elements (RFC 9110, sections 5.6.1 and 11.6.1). It returns an error for anything else.
func ParseChallenges(values []string) ([]Challenge, error) {
	var challenges []Challenge
	for _, value := range values {
		p := challengeParser{rest: value}
		for p.next() {
			challenge, ok := p.challenge()
			if !ok {
				return nil, fmt.Errorf("verifier: %q is not a list of challenges", value)
			}
			challenges = append(challenges, challenge)
		}
	}
	return challenges, nil
}

type challengeParser struct{ rest string }

// next skips separators and reports whether another element follows.
func (p *challengeParser) next() bool {
	p.rest = strings.TrimLeft(p.rest, ", \t")
	return p.rest != ""
}

func (p *challengeParser) challenge() (Challenge, bool) {
	c := Challenge{Scheme: p.take(field.IsTokenChar)}
	if c.Scheme == "" {
		return c, false
	}
	if !strings.HasPrefix(p.rest, " ") {
		return c, p.endOfElement()
	}
	p.rest = strings.TrimLeft(p.rest, " ")
	if token68, ok := p.token68(); ok {
		c.Token68 = token68
		return c, true
	}
	separated := p.endOfElement() // by a comma, so another challenge may follow
	for p.next() {
		param, found, ok := p.param()
		if !ok {
			return c, false
		}
		if !found { // the next challenge begins
			return c, separated
		}
		separated = true
		c.Params = append(c.Params, param)
		if !p.endOfElement() {
			return c, false
		}
	}
	return c, true
}

// token68 reads a token68, which must extend to the end of its element.
func (p *challengeParser) token68() (string, bool) {
	ahead := *p
	value := ahead.take(field.IsToken68Char)
	if value == "" {
		return "", false
	}
	value += ahead.take(func(c byte) bool { return c == '=' })
	if !ahead.endOfElement() {
		return "", false
	}
	*p = ahead
	return value, true
}

// param reads a parameter, with found = false if a scheme follows instead.
func (p *challengeParser) param() (param Param, found, ok bool) {
	ahead := *p
	param.Name = ahead.take(field.IsTokenChar)
	ahead.skipSpace()
	if param.Name == "" {
		return param, false, false
	}
	if !strings.HasPrefix(ahead.rest, "=") {
		return param, false, true
	}
	ahead.rest = ahead.rest[1:]
	ahead.skipSpace()
	if strings.HasPrefix(ahead.rest, `"`) {
		param.Value, ok = ahead.quotedString()
	} else {
		param.Value = ahead.take(field.IsTokenChar)
		ok = param.Value != ""
	}
	*p = ahead
	return param, true, ok
}

func (p *challengeParser) quotedString() (string, bool) {
	var b strings.Builder
	for i := 1; i < len(p.rest); i++ {
		c := p.rest[i]
		switch {
		case c == '"':
			p.rest = p.rest[i+1:]
			return b.String(), true
		case c == '\\' && i+1 < len(p.rest):
			i++
			c = p.rest[i]
		}
		if c < 0x20 && c != '\t' || c == 0x7F {
			return "", false
		}
		b.WriteByte(c)
	}
	return "", false
}

func (p *challengeParser) take(accept func(byte) bool) string {
	n := 0
	for n < len(p.rest) && accept(p.rest[n]) {
		n++
	}
	taken := p.rest[:n]
	p.rest = p.rest[n:]
	return taken
}

func (p *challengeParser) skipSpace() { p.rest = strings.TrimLeft(p.rest, " \t") }

// endOfElement reports whether only white space precedes the next comma or the end.
func (p *challengeParser) endOfElement() bool {
	rest := strings.TrimLeft(p.rest, " \t")
	return rest == "" || rest[0] == ','
}
