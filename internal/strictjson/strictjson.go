// Package strictjson reads JSON (RFC 8259) in the one way that every parser agrees
// on: names in their exact case and once only, valid UTF-8, bounded nesting.
//
// What it returns of a text is a part of that text wherever possible, not a copy:
// keep a small part of a large text only as a clone.
package strictjson

import (
	"errors"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

const maxExactInteger = 1 << 53 // beyond it, a JSON number is not one number (RFC 8259, section 6)

// Members reads text as one JSON object and hands each of its members to visit: its
// name, and its value as it stands in text. It reports false, perhaps after some
// visits, unless text is an object and nothing else, in valid UTF-8, nested no deeper
// than maxDepth, and without a duplicate name at any level.
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

// isDeeper looks at text's brackets before any parser recurses into them.
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

// unquote returns the content of a JSON string that the decoder has accepted.
func unquote(quoted string) string {
	if strings.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1]
	}
	content, _ := jsontext.AppendUnquote(nil, quoted)
	return string(content)
}

// Text reads a value that is a string.
func Text(value string) (string, bool) {
	if !strings.HasPrefix(value, `"`) {
		return "", false
	}
	return unquote(value), true
}

// Texts reads a value that is an array of strings.
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

// Number reads a value that is a number of a magnitude that every parser agrees on.
func Number(value string) (float64, bool) {
	if jsontext.Value(value).Kind() != '0' {
		return 0, false
	}
	f, err := strconv.ParseFloat(value, 64)
	if math.Abs(f) < maxExactInteger {
		return f, err == nil
	}
	// What is rounded to the limit may have been beyond it.
	return f, strings.TrimPrefix(value, "-") == strconv.FormatInt(maxExactInteger, 10)
}
