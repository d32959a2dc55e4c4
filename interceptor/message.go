package interceptor

import (
	"reflect"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/runtime/protoimpl"
	"google.golang.org/protobuf/types/dynamicpb"
)

// newMessage returns a message to receive into in place of m: an empty one for a
// protobuf, and else a shallow copy, since a codec may need what is in it. It returns m
// itself when m doesn't point to a message, or points to one that can't be moved.
func newMessage(m any) any {
	target := reflect.ValueOf(m)
	if target.Kind() != reflect.Pointer || target.IsNil() {
		return m
	}
	message, ok := reflectMessage(m)
	switch {
	case !ok:
		fresh := reflect.New(target.Type().Elem())
		fresh.Elem().Set(target.Elem())
		return fresh.Interface()
	case isWhole(message) || isMergeable(message):
		return message.New().Interface()
	default:
		return m
	}
}

// moveMessage replaces dst's content with src's, which newMessage made for it. Nothing
// uses src again, so dst takes over what src points to.
func moveMessage(dst, src any) {
	target := reflect.ValueOf(dst)
	if target.Kind() != reflect.Pointer || dst == src {
		return // it's received in place
	}
	if message, ok := reflectMessage(dst); ok && !isWhole(message) {
		proto.Reset(message.Interface())
		proto.Merge(message.Interface(), src.(proto.Message)) //nolint:errcheck,forcetypeassert // newMessage made it
		return
	}
	target.Elem().Set(reflect.ValueOf(src).Elem())
}

// reflectMessage returns false for a type that merely embeds a message.
func reflectMessage(m any) (protoreflect.Message, bool) {
	message, ok := m.(proto.Message)
	if !ok {
		return nil, false
	}
	reflected := message.ProtoReflect()
	return reflected, reflect.TypeOf(reflected.Interface()) == reflect.TypeOf(m)
}

var messageState = reflect.TypeFor[protoimpl.MessageState]()

// isWhole reports whether a message is known to keep all of its content in its struct, as
// generated code and dynamicpb do. A copy of the struct is the message then. It has the
// unknown fields, and lazy ones stay undecoded.
func isWhole(message protoreflect.Message) bool {
	m := message.Interface()
	if _, ok := m.(*dynamicpb.Message); ok {
		return true
	}
	s := reflect.ValueOf(m).Elem()
	return s.Kind() == reflect.Struct && s.NumField() > 0 && s.Field(0).Type() == messageState
}

// isMergeable reports whether a message is known to support [proto.Merge]. Some don't,
// such as hyperpb's, which can't be changed or copied once they are received.
func isMergeable(message protoreflect.Message) bool {
	methods := message.ProtoMethods()
	return methods != nil && methods.Merge != nil
}
