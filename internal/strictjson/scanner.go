package strictjson

import "strings"

// A scanner reads one text from left to right. Each method reads what it is named for, after white
// space if there is any, and returns false if the text has something else there. The text must be
// valid UTF-8.
type scanner struct {
	text  string
	at    int
	depth int // how much deeper the rest may be nested
}

// object reads an object. It calls visit for each member, unless visit is nil.
func (s *scanner) object(visit func(name, value string)) bool {
	if !s.opens('{') {
		return false
	}
	var seen names
	for isFirst := true; !s.take('}'); isFirst = false {
		if !isFirst && !s.take(',') {
			return false
		}
		name, ok := s.name()
		if !ok || !seen.add(name) || !s.take(':') {
			return false
		}
		value, ok := s.value()
		if !ok {
			return false
		}
		if visit != nil {
			visit(name, value)
		}
	}
	s.depth++
	return true
}

// array reads an array. It calls visit for each element, unless visit is nil.
func (s *scanner) array(visit func(element string)) bool {
	if !s.opens('[') {
		return false
	}
	for isFirst := true; !s.take(']'); isFirst = false {
		if !isFirst && !s.take(',') {
			return false
		}
		element, ok := s.value()
		if !ok {
			return false
		}
		if visit != nil {
			visit(element)
		}
	}
	s.depth++
	return true
}

// value reads any value, and returns it as written.
func (s *scanner) value() (written string, ok bool) {
	s.space()
	start := s.at
	if start >= len(s.text) {
		return "", false
	}
	switch s.text[start] {
	case '{':
		ok = s.object(nil)
	case '[':
		ok = s.array(nil)
	case '"':
		ok = s.quoted()
	case 't':
		ok = s.word("true")
	case 'f':
		ok = s.word("false")
	case 'n':
		ok = s.word("null")
	default:
		ok = s.number()
	}
	if !ok {
		return "", false
	}
	return s.text[start:s.at], true
}

// name reads a string, and returns what it says.
func (s *scanner) name() (name string, ok bool) {
	s.space()
	start := s.at
	if !s.quoted() {
		return "", false
	}
	return unquote(s.text[start:s.at]), true
}

// opens reads a bracket that takes the rest one level down.
func (s *scanner) opens(bracket byte) bool {
	s.depth--
	return s.take(bracket) && s.depth >= 0
}

// take reads white space and then this byte.
func (s *scanner) take(b byte) bool {
	s.space()
	return s.is(b)
}

// is reads this byte.
func (s *scanner) is(b byte) bool {
	if s.at >= len(s.text) || s.text[s.at] != b {
		return false
	}
	s.at++
	return true
}

func (s *scanner) space() {
	for s.at < len(s.text) && s.text[s.at] <= ' ' {
		switch s.text[s.at] {
		case ' ', '\t', '\r', '\n':
			s.at++
		default:
			return
		}
	}
}

// end reads white space, after which the text must end.
func (s *scanner) end() bool {
	s.space()
	return s.at == len(s.text)
}

func (s *scanner) word(word string) bool {
	if !strings.HasPrefix(s.text[s.at:], word) {
		return false
	}
	s.at += len(word)
	return true
}

// number reads a number (RFC 8259, section 6).
func (s *scanner) number() bool {
	s.is('-')
	if !s.is('0') && !s.digits() {
		return false
	}
	if s.is('.') && !s.digits() {
		return false
	}
	if s.is('e') || s.is('E') {
		if !s.is('+') {
			s.is('-')
		}
		return s.digits()
	}
	return true
}

// digits reads one or more.
func (s *scanner) digits() bool {
	start := s.at
	for s.at < len(s.text) && '0' <= s.text[s.at] && s.text[s.at] <= '9' {
		s.at++
	}
	return s.at > start
}

// quoted reads a string (RFC 8259, section 7).
func (s *scanner) quoted() bool {
	if !s.is('"') {
		return false
	}
	for i := s.at; i < len(s.text); i++ {
		c := s.text[i]
		switch {
		case isPlain[c]:
		case c == '"':
			s.at = i + 1
			return true
		case c == '\\':
			size := escapeSize(s.text[i:])
			if size == 0 {
				return false
			}
			i += size - 1
		default:
			return false
		}
	}
	return false
}
