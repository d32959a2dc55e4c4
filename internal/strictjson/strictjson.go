// Package strictjson reads JSON (RFC 8259) in the one way that every parser agrees
// on: names in their exact case and once only, valid UTF-8, bounded nesting.
package strictjson

import (
	"bytes"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

const maxExactInteger = 1 << 53 // beyond it, a JSON number is not one number (RFC 8259, section 6)

// Members reads raw as one JSON object and hands each of its members to visit.
// The bytes that visit gets are valid during that call only. It reports false,
// perhaps after some visits, unless raw is an object and nothing else, in valid
// UTF-8, nested no deeper than maxDepth, and without a duplicate name at any level.
func Members(raw []byte, maxDepth int, visit func(name []byte, value jsontext.Value)) bool {
	if nesting(raw) > maxDepth {
		return false
	}
	dec := jsontext.NewDecoder(bytes.NewBuffer(raw))
	if token, err := dec.ReadToken(); err != nil || token.Kind() != '{' {
		return false
	}
	for dec.PeekKind() != '}' {
		quoted, err := dec.ReadValue()
		if err != nil {
			return false
		}
		name := unquote(quoted)
		value, err := dec.ReadValue()
		if err != nil {
			return false
		}
		visit(name, value)
	}
	if _, err := dec.ReadToken(); err != nil {
		return false
	}
	_, err := dec.ReadToken()
	return errors.Is(err, io.EOF)
}

// nesting returns the depth of raw's brackets, before any parser recurses into them.
func nesting(raw []byte) int {
	var depth, deepest int
	inString := false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			depth++
			deepest = max(deepest, depth)
		case c == '}' || c == ']':
			depth--
		}
	}
	return deepest
}

// unquote returns the content of a JSON string that the decoder has accepted.
func unquote(quoted jsontext.Value) []byte {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1]
	}
	content, _ := jsontext.AppendUnquote(nil, quoted)
	return content
}

// Text reads a string.
func Text(value jsontext.Value) (string, bool) {
	if value.Kind() != '"' {
		return "", false
	}
	return string(unquote(value)), true
}

// Texts reads an array of strings.
func Texts(value jsontext.Value) ([]string, bool) {
	if value.Kind() != '[' {
		return nil, false
	}
	list := []string{}
	for element := range elements(value) {
		s, ok := Text(element)
		if !ok {
			return nil, false
		}
		list = append(list, s)
	}
	return list, true
}

// elements yields the elements of an array that the decoder has accepted.
func elements(array jsontext.Value) func(yield func(jsontext.Value) bool) {
	return func(yield func(jsontext.Value) bool) {
		dec := jsontext.NewDecoder(bytes.NewBuffer(array))
		if _, err := dec.ReadToken(); err != nil {
			return
		}
		for dec.PeekKind() != ']' {
			element, err := dec.ReadValue()
			if err != nil || !yield(element) {
				return
			}
		}
	}
}

// Number reads a JSON number of a magnitude that every parser agrees on.
func Number(value jsontext.Value) (float64, bool) {
	if value.Kind() != '0' {
		return 0, false
	}
	literal := string(value)
	f, err := strconv.ParseFloat(literal, 64)
	if math.Abs(f) < maxExactInteger {
		return f, err == nil
	}
	// What is rounded to the limit may have been beyond it.
	return f, strings.TrimPrefix(literal, "-") == strconv.Itoa(maxExactInteger)
}
