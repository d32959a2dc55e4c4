package strictjson_test

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/oidcrpc/oidcrpc/internal/strictjson"
)

// FuzzMembers compares us with a parser that has the same rules, except for depth.
func FuzzMembers(f *testing.F) {
	for _, text := range []string{
		`{}`, `{"a":1,"b":[true,false,null,-0.5e+1],"c":{"d":"\u0065\ud83d\ude00"}}`, `{"a":1,"\u0061":2}`,
		`{"a":[{"b":1,"b":2}]}`, "{\"a\":\"\xff\"}", `{"a":"\ud83d"}`, ` { "a" : [ ] } `, `{"a":01}`, `{"a":1}{}`,
		`{"a":[[[[[[1]]]]]]}`, `{"a":{"b":{"c":{"d":{"e":{"f":1}}}}}}`, `{"aud":["a","b,c"],"scope":"a b"}`,
		`{"":"","a":"\"\\\/\b\f\n\r\t"}`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		want, wantOK := reference(text)
		var got []string
		ok := strictjson.Members(text, depth, func(name, value string) {
			got = append(got, name, value)
			checkTexts(t, value)
		})
		if isDeep := nesting(text) > depth; ok != (wantOK && !isDeep) {
			t.Fatalf("Members(%q) = %v, want %v, unless it's too deep: %v", text, ok, wantOK, isDeep)
		}
		if ok && !slices.Equal(got, want) {
			t.Errorf("Members(%q) visited %q, want %q", text, got, want)
		}
	})
}

func reference(text string) (members []string, ok bool) {
	dec := jsontext.NewDecoder(strings.NewReader(text))
	if token, err := dec.ReadToken(); err != nil || token.Kind() != '{' {
		return nil, false
	}
	for dec.PeekKind() != '}' {
		name, err := dec.ReadToken()
		if err != nil {
			return nil, false
		}
		members = append(members, name.String())
		value, err := dec.ReadValue()
		if err != nil {
			return nil, false
		}
		members = append(members, string(value))
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, false
	}
	_, err := dec.ReadToken()
	return members, errors.Is(err, io.EOF)
}

// nesting returns how deep well-formed JSON is nested.
func nesting(text string) (deepest int) {
	dec := jsontext.NewDecoder(strings.NewReader(text), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	for {
		if _, err := dec.ReadToken(); err != nil {
			return deepest
		}
		deepest = max(deepest, dec.StackDepth())
	}
}

func checkTexts(t *testing.T, value string) {
	t.Helper()
	var want []string
	dec := jsontext.NewDecoder(strings.NewReader(value))
	first, err := dec.ReadToken()
	isTexts := err == nil && (first.Kind() == '[' || first.Kind() == '"')
	if isTexts && first.Kind() == '"' {
		want = []string{first.String()}
	}
	for isTexts && first.Kind() == '[' && dec.PeekKind() != ']' {
		element, err := dec.ReadToken()
		if isTexts = err == nil && element.Kind() == '"'; isTexts {
			want = append(want, element.String())
		}
	}
	got, ok := strictjson.TextOrTexts(value)
	if !isTexts {
		want = nil
	}
	if ok != isTexts || !slices.Equal(got, want) {
		t.Errorf("TextOrTexts(%q) = %q, %v; want %q, %v", value, got, ok, want, isTexts)
	}
}
