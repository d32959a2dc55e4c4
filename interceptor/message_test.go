package interceptor_test

import (
	"bytes"
	"fmt"
	"reflect"
	"testing"
	"unsafe"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/runtime/protoimpl"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/oidcrpc/oidcrpc/interceptor"
	messagesv1 "github.com/oidcrpc/oidcrpc/internal/messages/v1"
)

// A codec decodes the same bytes each time, and remembers into what.
type codec struct {
	wire []byte
	into any
}

func (c *codec) receive(m any) error {
	c.into = m
	return decode(c.wire, m.(proto.Message))
}

func decode(wire []byte, into proto.Message) error {
	return proto.UnmarshalOptions{AllowPartial: true}.Unmarshal(wire, into)
}

// admitStream opens a guarded stream that receives with a function.
func admitStream(t *testing.T, receive func(any) error) *interceptor.Stream {
	t.Helper()
	stream, refusal := mustNew(t, verifyForLife).AuthenticateStream(t.Context(), withToken("/a.S/M"), receive)
	if refusal != nil {
		t.Fatal(refusal)
	}
	t.Cleanup(func() { stream.End(nil) })
	return stream
}

func receive(t *testing.T, stream *interceptor.Stream, m any) {
	t.Helper()
	if refusal, err := stream.Receive(m); refusal != nil || err != nil {
		t.Fatalf("Receive returned %v, %v", refusal, err)
	}
}

// Empty messages of every kind.
var kinds = map[string]proto.Message{
	"open":                &messagesv1.Open{},
	"opaque":              &messagesv1.Opaque{},
	"required":            &descriptorpb.UninterpretedOption{},
	"well-known, map":     &structpb.Struct{},
	"well-known, oneof":   &structpb.Value{},
	"well-known, any":     &anypb.Any{},
	"well-known, scalars": &timestamppb.Timestamp{},
	"dynamic":             dynamicpb.NewMessage((&messagesv1.Open{}).ProtoReflect().Descriptor()),
	"dynamic, required":   dynamicpb.NewMessage((&descriptorpb.UninterpretedOption{}).ProtoReflect().Descriptor()),
	"dynamic, well-known": dynamicpb.NewMessage((&structpb.Struct{}).ProtoReflect().Descriptor()),
	"state":               &stateful{},
	"no state":            &stateless{},
}

// Two messages that are not protoc-gen-go's, as other generators write them.
type (
	stateful struct {
		state protoimpl.MessageState //nolint:unused // what marks a message

		Value         []byte                  `protobuf:"bytes,1,opt,name=value,proto3"`
		unknownFields protoimpl.UnknownFields //nolint:unused // protobuf uses it
	}
	stateless struct {
		Value         []byte                  `protobuf:"bytes,1,opt,name=value,proto3"`
		unknownFields protoimpl.UnknownFields //nolint:unused // protobuf uses it
		home          string                  // no content
	}
)

var (
	bytesValue    = (&wrapperspb.BytesValue{}).ProtoReflect().Descriptor()
	statefulInfo  = protoimpl.MessageInfo{GoReflectType: reflect.TypeFor[*stateful](), Desc: bytesValue}
	statelessInfo = protoimpl.MessageInfo{GoReflectType: reflect.TypeFor[*stateless](), Desc: bytesValue}
)

func (m *stateful) ProtoReflect() protoreflect.Message  { return statefulInfo.MessageOf(m) }
func (m *stateless) ProtoReflect() protoreflect.Message { return statelessInfo.MessageOf(m) }

func TestReceivedMessageEqualsOneThatIsDecodedInPlace(t *testing.T) {
	for kind, empty := range kinds {
		t.Run(kind, func(t *testing.T) {
			var c codec
			stream := admitStream(t, c.receive)
			full := newFull(empty)
			for name, filled := range fillings(empty) {
				c.wire = encode(t, filled)
				for reuse, target := range map[string]proto.Message{
					"a new message":           newEmpty(empty),
					"a filled message":        proto.Clone(full),
					"a message just received": received(t, stream, empty),
				} {
					t.Run(name+" into "+reuse, func(t *testing.T) {
						want := proto.Clone(target)
						if err := decode(c.wire, want); err != nil {
							t.Fatal(err)
						}
						receive(t, stream, target)
						if c.into == target {
							t.Error("it was received in place")
						}
						expectEqual(t, target, want, full)
					})
				}
			}
		})
	}
}

// expectEqual compares two messages, and what becomes of them. It changes both.
func expectEqual(t *testing.T, got, want, other proto.Message) {
	t.Helper()
	same := func(when string, got, want proto.Message) {
		t.Helper()
		if g, w := proto.Size(got), proto.Size(want); g != w {
			t.Errorf("%s: size %d, want %d", when, g, w)
		}
		if !proto.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", when, got, want)
		}
		if g, w := got.ProtoReflect().GetUnknown(), want.ProtoReflect().GetUnknown(); !bytes.Equal(g, w) {
			t.Errorf("%s: unknown fields %x, want %x", when, g, w)
		}
		if g, w := encode(t, got), encode(t, want); !bytes.Equal(g, w) {
			t.Errorf("%s: bytes %x, want %x", when, g, w)
		}
	}
	same("cloned", proto.Clone(got), proto.Clone(want))
	same("received", got, want)
	for _, m := range []proto.Message{got, want} {
		proto.Merge(m, other)
	}
	same("merged into", got, want)
	for _, m := range []proto.Message{got, want} {
		if err := decode(encode(t, other), m); err != nil {
			t.Fatal(err)
		}
	}
	same("decoded again", got, want)
	proto.Reset(got)
	same("reset", got, newEmpty(want))
}

func TestReceivedPayloadIsNotCopied(t *testing.T) {
	for kind, empty := range kinds {
		field := payloadOf(empty)
		if field == nil || kind == "no state" {
			continue
		}
		t.Run(kind, func(t *testing.T) {
			var c codec
			stream := admitStream(t, c.receive)
			filled := newEmpty(empty)
			filled.ProtoReflect().Set(field, protoreflect.ValueOfBytes([]byte("payload")))
			c.wire = encode(t, filled)
			target := newEmpty(empty)
			receive(t, stream, target)
			got := target.ProtoReflect().Get(field).Bytes()
			read := c.into.(proto.Message).ProtoReflect().Get(field).Bytes()
			if c.into == target || string(got) != "payload" || unsafe.SliceData(got) != unsafe.SliceData(read) {
				t.Errorf("%q at %p was received, and read at %p", got, got, read)
			}
		})
	}
}

// payloadOf returns a field for bytes, or nil.
func payloadOf(m proto.Message) protoreflect.FieldDescriptor {
	fields := m.ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		if f := fields.Get(i); f.Kind() == protoreflect.BytesKind {
			return f
		}
	}
	return nil
}

func TestReceiveLeavesLazyFieldsUndecoded(t *testing.T) {
	number := int32(1)
	child := messagesv1.Opaque_builder{Number: &number}.Build()
	c := codec{wire: encode(t, messagesv1.Opaque_builder{Child: child}.Build())}
	var target messagesv1.Opaque
	receive(t, admitStream(t, c.receive), &target)
	decoded := func(m any) bool { return !reflect.ValueOf(m).Elem().FieldByName("xxx_hidden_Child").IsNil() }
	if decoded(c.into) || decoded(&target) {
		t.Errorf("the lazy field was decoded: %v as read, %v as received", decoded(c.into), decoded(&target))
	}
	if !target.HasChild() || target.GetChild().GetNumber() != number || !decoded(&target) {
		t.Errorf("received %v", &target)
	}
}

func TestPooledMessageIsNotReceivedInto(t *testing.T) {
	// Such a codec keeps the buffers that a message has.
	payload := []byte("first")
	stream := admitStream(t, func(m any) error {
		into := m.(*stateful)
		into.Value = append(into.Value[:0], payload...)
		return nil
	})
	pooled := &stateful{Value: make([]byte, 0, 64)}
	receive(t, stream, pooled)
	kept := pooled.Value
	payload = []byte("later")
	receive(t, stream, pooled)
	if string(kept) != "first" || string(pooled.Value) != "later" {
		t.Errorf("received %q and %q", kept, pooled.Value)
	}
}

func TestMessageKeepsWhatIsNoContent(t *testing.T) {
	c := codec{wire: encode(t, wrapperspb.Bytes([]byte("payload")))}
	target := &stateless{home: "a pool"}
	receive(t, admitStream(t, c.receive), target)
	if target.home != "a pool" || string(target.Value) != "payload" {
		t.Errorf("%q of %q was received", target.Value, target.home)
	}
}

func TestNilMessageIsLeftToTheTransport(t *testing.T) {
	for _, m := range []any{nil, (*wrapperspb.StringValue)(nil), (*struct{ payload []byte })(nil)} {
		var got any
		stream := admitStream(t, func(m any) error { got = m; return nil })
		receive(t, stream, m)
		if got != m {
			t.Errorf("the transport got %#v, want %#v", got, m)
		}
	}
}

// newEmpty returns an empty message of m's kind.
func newEmpty(m proto.Message) proto.Message { return m.ProtoReflect().New().Interface() }

// newFull returns a message of m's kind with all fields set.
func newFull(m proto.Message) proto.Message {
	full := newEmpty(m)
	fill(full.ProtoReflect(), 1)
	return full
}

// received returns a message of m's kind, received before.
func received(t *testing.T, stream *interceptor.Stream, m proto.Message) proto.Message {
	t.Helper()
	target := newFull(m)
	receive(t, stream, target)
	return target
}

func encode(t *testing.T, m proto.Message) []byte {
	t.Helper()
	wire, err := proto.MarshalOptions{Deterministic: true, AllowPartial: true}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return wire
}

// fillings returns messages of m's kind: with nothing in them, with one field, with all
// fields, and with some unknown to it.
func fillings(m proto.Message) map[string]proto.Message {
	all := map[string]proto.Message{"nothing": newEmpty(m), "everything": newFull(m)}
	fields := m.ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		filled := newEmpty(m)
		fillField(filled.ProtoReflect(), fields.Get(i), 1)
		all[string(fields.Get(i).Name())] = filled
	}
	unknown := newEmpty(m)
	unknown.ProtoReflect().SetUnknown(unknownField)
	all["unknown fields"] = unknown
	for _, extension := range []protoreflect.ExtensionType{messagesv1.E_ExtraOpen, messagesv1.E_ExtraOpaque} {
		field := extension.TypeDescriptor()
		if field.ContainingMessage() != m.ProtoReflect().Descriptor() {
			continue
		}
		filled := newEmpty(m)
		fillField(filled.ProtoReflect(), field, 1)
		all["an extension"] = filled
	}
	return all
}

var unknownField = protowire.AppendString(protowire.AppendTag(nil, 9999, protowire.BytesType), "unknown")

// fill sets every field. The last member of a oneof is what stays.
func fill(m protoreflect.Message, depth int) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		fillField(m, fields.Get(i), depth)
	}
	m.SetUnknown(unknownField)
}

func fillField(m protoreflect.Message, field protoreflect.FieldDescriptor, depth int) {
	switch {
	case field.IsMap():
		entries := m.Mutable(field).Map()
		for i := range 3 {
			key := valueOf(field.MapKey(), i).MapKey()
			if field.MapValue().Message() == nil {
				entries.Set(key, valueOf(field.MapValue(), i))
			} else if child := entries.Mutable(key).Message(); depth > 0 {
				fill(child, depth-1)
			}
		}
	case field.IsList():
		list := m.Mutable(field).List()
		for i := range 3 {
			if field.Message() == nil {
				list.Append(valueOf(field, i))
			} else if child := list.AppendMutable().Message(); depth > 0 {
				fill(child, depth-1)
			}
		}
	case field.Message() != nil:
		if child := m.Mutable(field).Message(); depth > 0 {
			fill(child, depth-1)
		}
	default:
		m.Set(field, valueOf(field, 0))
	}
}

// valueOf returns a scalar other than zero.
func valueOf(field protoreflect.FieldDescriptor, i int) protoreflect.Value {
	switch field.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(fmt.Sprint("text ", i))
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes(fmt.Append(nil, "bytes ", i))
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(true)
	case protoreflect.Int32Kind:
		return protoreflect.ValueOfInt32(int32(i + 1))
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(int64(i + 1))
	case protoreflect.Uint64Kind:
		return protoreflect.ValueOfUint64(uint64(i + 1))
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(float64(i) + 0.5)
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(field.Enum().Values().Get(field.Enum().Values().Len() - 1).Number())
	default:
		panic(field.Kind())
	}
}
