// Package strictjson reads JSON (RFC 8259) in the one way on which all parsers agree: names are
// case-sensitive and unique, text is valid UTF-8, and nesting is limited.
//
// Results are substrings of the input where possible, not copies. To keep a small result from a
// large text, clone it.
package strictjson

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// maxExactInteger is the limit beyond which parsers may read one JSON number differently (RFC
// 8259, section 6).
const maxExactInteger = 1 << 53

const exactDigits = 15 // a whole number with so many is below the limit

// Members reads text as one JSON object and calls visit for each member, with its unquoted name
// and its value as written. It returns false unless text is exactly one object, in valid UTF-8,
// nested at most maxDepth deep, and without duplicate names at any level. By then it may already
// have called visit.
func Members(text string, maxDepth int, visit func(name, value string)) bool {
	s := scanner{text: text, depth: maxDepth}
	return utf8.ValidString(text) && s.object(visit) && s.end()
}

// Text reads a JSON string, and returns false for any other value.
func Text(value string) (string, bool) {
	if !strings.HasPrefix(value, `"`) {
		return "", false
	}
	return unquote(value), true
}

// Texts reads a JSON array with only strings. It returns nil and false for any other value.
func Texts(value string) ([]string, bool) {
	if !strings.HasPrefix(value, "[") {
		return nil, false
	}
	list := make([]string, 0, min(16, 1+strings.Count(value, ","))) // a text may have many commas
	isTexts := true
	s := scanner{text: value, depth: 1}
	isArray := s.array(func(element string) {
		text, ok := Text(element)
		isTexts = isTexts && ok
		list = append(list, text)
	})
	if !isArray || !isTexts {
		return nil, false
	}
	return list, true
}

// TextOrTexts reads a JSON string, as a list of one, or an array with only strings. That's the shape
// of aud (RFC 7519, section 4.1.3). It returns nil and false for any other value.
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
	if len(value) <= exactDigits {
		if n, err := strconv.ParseInt(value, 10, 64); err == nil { // much quicker
			return float64(n), true
		}
	}
	f, err := strconv.ParseFloat(value, 64)
	if math.Abs(f) < maxExactInteger {
		return f, err == nil
	}
	// A value rounded to the limit may have been larger.
	return f, strings.TrimPrefix(value, "-") == strconv.FormatInt(maxExactInteger, 10)
}
