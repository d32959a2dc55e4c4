package interceptor

import (
	"reflect"

	"google.golang.org/protobuf/proto"
)

// newMessage returns an empty message of m's type, a pointer.
func newMessage(m any) any {
	if message, ok := m.(proto.Message); ok {
		return message.ProtoReflect().New().Interface()
	}
	return reflect.New(reflect.TypeOf(m).Elem()).Interface()
}

// moveMessage replaces dst's content by src's, which is not used again.
func moveMessage(dst, src any) {
	to, ok := dst.(proto.Message)
	from, isProto := src.(proto.Message)
	if ok && isProto {
		proto.Reset(to)
		proto.Merge(to, from)
		return
	}
	reflect.ValueOf(dst).Elem().Set(reflect.ValueOf(src).Elem())
}
