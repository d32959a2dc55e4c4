package verifier

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/go-json-experiment/json"

	"github.com/oidcrpc/oidcrpc/internal/jws"
)

// Decode unmarshals all of the token's claims into dst, a pointer to a struct or map. Names are
// case-sensitive, so the fields of a struct, and of any struct inside it, need the claim's name in
// a json tag:
//
//	var own struct {
//		Tenant string `json:"tenant"`
//	}
//	err := claims.Decode(&own)
//
// Package encoding/json would fill a field without a tag from a claim in any case, and this
// package from none that issuers use. So Decode returns an error that names the field, whatever
// the token holds. A field to leave out has the tag "-", and a type that decodes itself needs no
// tags inside.
//
// Other errors may quote claim values, so don't send them to callers.
func (c *Claims) Decode(dst any) error {
	if t := reflect.TypeOf(dst); t != nil {
		if field := fieldWithoutName(t); field != "" {
			return fmt.Errorf("verifier: Claims.Decode needs a json tag on %s", field)
		}
	}
	object, err := c.get().object()
	if err != nil {
		return fmt.Errorf("verifier: Claims.Decode: %w", err)
	}
	return json.Unmarshal(object, dst)
}

// object returns the payload as JSON.
func (c *claims) object() ([]byte, error) {
	if c.isEncoded {
		return jws.Encoding.DecodeString(c.payload)
	}
	return []byte(c.payload), nil
}

var fieldsWithoutName sync.Map // reflect.Type to string: a program has few types to decode into

// fieldWithoutName returns the first field of a type whose claim isn't named, or "".
func fieldWithoutName(t reflect.Type) string {
	if known, ok := fieldsWithoutName.Load(t); ok {
		return known.(string) //nolint:errcheck // it holds nothing else
	}
	field := searchFields(t, make(map[reflect.Type]bool))
	fieldsWithoutName.Store(t, field)
	return field
}

func searchFields(t reflect.Type, seen map[reflect.Type]bool) string {
	if seen[t] || decodesItself(t) {
		return ""
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		return searchFields(t.Elem(), seen)
	case reflect.Struct:
		for f := range t.Fields() {
			if field := searchField(t, f, seen); field != "" {
				return field
			}
		}
	default:
	}
	return ""
}

// searchField returns the field if its claim isn't named, or the first such field inside.
func searchField(in reflect.Type, f reflect.StructField, seen map[reflect.Type]bool) string {
	tag := f.Tag.Get("json")
	name, options, _ := strings.Cut(tag, ",")
	switch {
	case tag == "-" || !f.IsExported() && !f.Anonymous:
		return ""
	case name != "" || isInlined(f) || hasOption(options, "embed", "case:ignore"):
		return searchFields(f.Type, seen)
	default:
		return fmt.Sprintf("the field %s of %s", f.Name, in)
	}
}

func isInlined(f reflect.StructField) bool {
	t := f.Type
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return f.Anonymous && t.Kind() == reflect.Struct
}

func hasOption(options string, wanted ...string) bool {
	return slices.ContainsFunc(strings.Split(options, ","), func(option string) bool {
		return slices.Contains(wanted, option)
	})
}

// decodesItself reports whether a type, and not its fields, says how it's read.
func decodesItself(t reflect.Type) bool {
	t = reflect.PointerTo(t)
	return t.Implements(reflect.TypeFor[json.Unmarshaler]()) ||
		t.Implements(reflect.TypeFor[json.UnmarshalerFrom]()) ||
		t.Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}
