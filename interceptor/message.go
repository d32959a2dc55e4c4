package interceptor

import (
	"reflect"

	"google.golang.org/protobuf/proto"
)

// newMessage returns a message to receive into in place of m: an empty one of m's
// type or, for types that are no protobuf, a shallow copy, since a codec may need what
// is in it. It is m itself when that is no pointer to a message.
func newMessage(m any) any {
	if message, ok := m.(proto.Message); ok {
		if fresh := message.ProtoReflect().New().Interface(); isSameType(fresh, m) {
			return fresh
		}
	}
	value := reflect.ValueOf(m)
	if value.Kind() != reflect.Pointer || value.IsNil() {
		return m
	}
	fresh := reflect.New(value.Type().Elem())
	fresh.Elem().Set(value.Elem())
	return fresh.Interface()
}

// isSameType is false for a type that merely embeds a message.
func isSameType(a, b any) bool { return reflect.TypeOf(a) == reflect.TypeOf(b) }

// moveMessage replaces dst's content by that of src, which newMessage made for it and
// which is not used again.
func moveMessage(dst, src any) {
	message, ok := dst.(proto.Message)
	if ok && isSameType(message.ProtoReflect().Interface(), dst) {
		proto.Reset(message)
		proto.Merge(message, src.(proto.Message)) //nolint:errcheck,forcetypeassert // newMessage made it
		return
	}
	if value := reflect.ValueOf(dst); value.Kind() == reflect.Pointer && !value.IsNil() {
		value.Elem().Set(reflect.ValueOf(src).Elem())
	}
}
