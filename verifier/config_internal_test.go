package verifier

import (
	"context"
	"log/slog"
	"net/http"
	"reflect"
	"testing"
)

// A tenant keeps its keys for as long as its configuration is equal. A field that isn't compared
// would be believed changed, or would change and not be noticed.
func TestConfigsAreEqualOnlyIfEveryFieldIs(t *testing.T) {
	t.Parallel()
	config := func() Config {
		return Config{
			Issuer: "https://issuer.test", Audiences: []string{"a"}, ClientIDs: []string{"b"}, JWKS: []byte("{}"),
			Require: Requirement{Scopes: []string{"read"}},
		}.withDefaults()
	}
	if !config().equal(config()) {
		t.Error("a Config isn't equal to another with the same values")
	}
	for _, field := range reflect.VisibleFields(reflect.TypeFor[Config]()) {
		for _, path := range leaves(field) {
			changed := config()
			change(t, path, reflect.ValueOf(&changed).Elem().FieldByIndex(path.Index))
			if got, want := config().equal(changed), path.Name == "OnFetch"; got != want {
				t.Errorf("with another %s: equal = %v, want %v", path.Name, got, want)
			}
			if got := changed.equal(config()); got != (path.Name == "OnFetch") {
				t.Errorf("with another %s, the other way round: equal = %v", path.Name, got)
			}
		}
	}
}

// A caller may change its own slices after New.
func TestVerifierSharesNoSliceWithItsConfig(t *testing.T) {
	t.Parallel()
	given := Config{}
	for _, field := range reflect.VisibleFields(reflect.TypeFor[Config]()) {
		for _, path := range leaves(field) {
			if path.Type.Kind() == reflect.Slice {
				change(t, path, reflect.ValueOf(&given).Elem().FieldByIndex(path.Index))
			}
		}
	}
	kept := given.withDefaults()
	for _, field := range reflect.VisibleFields(reflect.TypeFor[Config]()) {
		for _, path := range leaves(field) {
			if path.Type.Kind() != reflect.Slice {
				continue
			}
			own, theirs := reflect.ValueOf(kept).FieldByIndex(path.Index), reflect.ValueOf(given).FieldByIndex(path.Index)
			if own.Len() != 1 || own.Pointer() == theirs.Pointer() {
				t.Errorf("%s is shared", path.Name)
			}
		}
	}
}

// leaves are the fields of a struct that is a field, or the field.
func leaves(field reflect.StructField) (all []reflect.StructField) {
	if field.Type.Kind() != reflect.Struct {
		return []reflect.StructField{field}
	}
	for _, leaf := range reflect.VisibleFields(field.Type) {
		leaf.Index = append(append([]int(nil), field.Index...), leaf.Index...)
		all = append(all, leaves(leaf)...)
	}
	return all
}

func change(t *testing.T, field reflect.StructField, value reflect.Value) {
	t.Helper()
	switch value.Interface().(type) {
	case *http.Client:
		value.Set(reflect.ValueOf(&http.Client{}))
		return
	case *slog.Logger:
		value.Set(reflect.ValueOf(slog.New(slog.DiscardHandler)))
		return
	case func(FetchEvent):
		value.Set(reflect.ValueOf(func(FetchEvent) {}))
		return
	case func(context.Context) ([]byte, error):
		value.Set(reflect.ValueOf(func(context.Context) ([]byte, error) { return nil, nil }))
		return
	}
	switch value.Kind() {
	case reflect.String:
		value.SetString(value.String() + "x")
	case reflect.Int, reflect.Int64:
		value.SetInt(value.Int() + 1)
	case reflect.Bool:
		value.SetBool(!value.Bool())
	case reflect.Slice:
		value.Set(reflect.Append(value, reflect.Zero(value.Type().Elem())))
	default:
		t.Fatalf("%s is a %s, which Config.equal may not compare: say here how it changes", field.Name, value.Type())
	}
}
