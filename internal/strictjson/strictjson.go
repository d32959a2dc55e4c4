// Package strictjson reads JSON (RFC 8259) in the one way on which all parsers agree: names are
// case-sensitive and unique, text is valid UTF-8, and nesting is limited.
//
// Results are substrings of the input where possible, not copies. To keep a small result from a
// large text, clone it.
package strictjson

import (
	"errors"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// maxExactInteger is the limit beyond which parsers may read one JSON number differently (RFC
// 8259, section 6).
const maxExactInteger = 1 << 53

// Members reads text as one JSON object and calls visit for each member, with its unquoted name
// and its value as written. It returns false unless text is exactly one object, in valid UTF-8,
// nested at most maxDepth deep, and without duplicate names at any level. By then it may already
// have called visit.
func Members(text string, maxDepth int, visit func(name, value string)) bool {
	if isDeeper(text, maxDepth) {
		return false
	}
	dec := decode(text)
	defer dec.release()
	if token, err := dec.ReadToken(); err != nil || token.Kind() != '{' {
		return false
	}
	for dec.PeekKind() != '}' {
		name, err := dec.next()
		if err != nil {
			return false
		}
		value, err := dec.next()
		if err != nil {
			return false
		}
		visit(unquote(name), value)
	}
	if _, err := dec.ReadToken(); err != nil {
		return false
	}
	_, err := dec.ReadToken()
	return errors.Is(err, io.EOF)
}

// isDeeper counts text's brackets before any parser recurses into them.
func isDeeper(text string, maxDepth int) bool {
	if strings.Count(text, "{")+strings.Count(text, "[") <= maxDepth {
		return false
	}
	depth := 0
	inString := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			if depth++; depth > maxDepth {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}

// unquote returns what the quotes of an accepted JSON string enclose.
func unquote(quoted string) string {
	if strings.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1]
	}
	content, _ := jsontext.AppendUnquote(nil, quoted)
	return string(content)
}

// Text reads a JSON string, and returns false for any other value.
func Text(value string) (string, bool) {
	if !strings.HasPrefix(value, `"`) {
		return "", false
	}
	return unquote(value), true
}

// Texts reads a JSON array with only strings, and returns false for any other value.
func Texts(value string) ([]string, bool) {
	if !strings.HasPrefix(value, "[") {
		return nil, false
	}
	dec := decode(value)
	defer dec.release()
	if _, err := dec.ReadToken(); err != nil {
		return nil, false
	}
	list := make([]string, 0, 1+strings.Count(value, ","))
	for dec.PeekKind() != ']' {
		element, err := dec.next()
		if err != nil {
			return nil, false
		}
		s, ok := Text(element)
		if !ok {
			return nil, false
		}
		list = append(list, s)
	}
	return list, true
}

// TextOrTexts reads a JSON string, as a list of one, or an array with only strings. That's the shape
// of aud (RFC 7519, section 4.1.3). It returns false for any other value.
func TextOrTexts(value string) ([]string, bool) {
	if s, ok := Text(value); ok {
		return []string{s}, true
	}
	return Texts(value)
}

// Number reads a JSON number. It returns false for any other value, and for magnitudes above
// 2^53, where parsers may disagree.
func Number(value string) (float64, bool) {
	if jsontext.Value(value).Kind() != '0' {
		return 0, false
	}
	f, err := strconv.ParseFloat(value, 64)
	if math.Abs(f) < maxExactInteger {
		return f, err == nil
	}
	// A value rounded to the limit may have been larger.
	return f, strings.TrimPrefix(value, "-") == strconv.FormatInt(maxExactInteger, 10)
}
