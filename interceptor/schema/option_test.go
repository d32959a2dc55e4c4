package schema_test

import (
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/interceptor/schema"
	"github.com/oidcrpc/oidcrpc/interceptor/schema/policyv1"
	"github.com/oidcrpc/oidcrpc/verifier"
)

// A program that reads descriptors at run time may know our extension as its own
// dynamic type, or not at all.
func TestOptionsInRunTimeDescriptorsAreRead(t *testing.T) {
	raw := descriptorSet(t, fileOf("test.proto", service{
		name: "S", option: scopes("service"), methods: map[string]*policyv1.Rule{"M": scopes("method")},
	}))
	want := interceptor.Policy{
		"/test.S/*": needs(verifier.Requirement{Scopes: []string{"service"}}),
		"/test.S/M": needs(verifier.Requirement{Scopes: []string{"method"}}),
	}
	tests := map[string]struct {
		resolver *resolver
		is       func(t *testing.T, options proto.Message)
	}{
		"as an unknown field": {
			&resolver{},
			func(t *testing.T, options proto.Message) {
				if len(options.ProtoReflect().GetUnknown()) == 0 {
					t.Error("the options have no unknown field")
				}
			},
		},
		"as a dynamic message": {
			&resolver{dynamicpb.NewTypes(filesOf(t, raw, &resolver{}))},
			func(t *testing.T, options proto.Message) {
				options.ProtoReflect().Range(func(_ protoreflect.FieldDescriptor, value protoreflect.Value) bool {
					if _, ok := value.Message().Interface().(*dynamicpb.Message); !ok {
						t.Errorf("the option is a %T", value.Message().Interface())
					}
					return true
				})
				if len(options.ProtoReflect().GetUnknown()) > 0 {
					t.Error("the options have an unknown field")
				}
			},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			file, err := filesOf(t, raw, test.resolver).FindFileByPath("test.proto")
			if err != nil {
				t.Fatal(err)
			}
			test.is(t, file.Services().Get(0).Options())
			test.is(t, file.Services().Get(0).Methods().Get(0).Options())
			checkPolicy(t, want, nil, file)
		})
	}
}

func TestUnreadableOptionIsRefused(t *testing.T) {
	number := policyv1.E_Method.TypeDescriptor().Number()
	readable, err := proto.Marshal(scopes("a"))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name    string
		options *descriptorpb.MethodOptions
		want    string
	}{
		{
			"a string of the same number",
			withUnknown(protowire.AppendString(protowire.AppendTag(nil, number, protowire.BytesType), "other")),
			"its options cannot be read",
		},
		{
			"a number of the same number",
			withUnknown(protowire.AppendVarint(protowire.AppendTag(nil, number, protowire.VarintType), 1)),
			"its options have another one with our number",
		},
		{
			"a message in another encoding, which editions allow",
			withUnknown(protowire.AppendGroup(protowire.AppendTag(nil, number, protowire.StartGroupType), number, readable)),
			"its options have another one with our number",
		},
		{
			"what a parser makes of it, before the linker",
			&descriptorpb.MethodOptions{UninterpretedOption: []*descriptorpb.UninterpretedOption{{
				Name: []*descriptorpb.UninterpretedOption_NamePart{
					{NamePart: new("oidcrpc.policy.v1.method"), IsExtension: new(true)},
				},
				AggregateValue: new(`scopes: "a"`),
			}}},
			"its options were parsed, but not interpreted",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			file := fileOf("test.proto", service{name: "S", methods: map[string]*policyv1.Rule{"M": nil}})
			file.GetService()[0].GetMethod()[0].Options = test.options
			_, err := schema.Policy(nil, link(t, file))
			checkError(t, err, "schema: test.proto: /test.S/M: "+test.want)
		})
	}
}

func TestOtherOptionsAreIgnored(t *testing.T) {
	file := fileOf("test.proto", service{name: "S", methods: map[string]*policyv1.Rule{"M": nil}})
	other := protowire.AppendTag(nil, policyv1.E_Method.TypeDescriptor().Number()+1, protowire.VarintType)
	file.GetService()[0].GetMethod()[0].Options = withUnknown(protowire.AppendVarint(other, 1))
	checkPolicy(t, interceptor.Policy{}, nil, link(t, file))
}

func withUnknown(raw []byte) *descriptorpb.MethodOptions {
	options := &descriptorpb.MethodOptions{}
	options.ProtoReflect().SetUnknown(raw)
	return options
}

// descriptorSet returns what a compiler writes with its option to include imports.
func descriptorSet(t *testing.T, file *descriptorpb.FileDescriptorProto) []byte {
	t.Helper()
	raw, err := proto.Marshal(&descriptorpb.FileDescriptorSet{File: []*descriptorpb.FileDescriptorProto{
		protodesc.ToFileDescriptorProto(descriptorpb.File_google_protobuf_descriptor_proto),
		protodesc.ToFileDescriptorProto(durationpb.File_google_protobuf_duration_proto),
		protodesc.ToFileDescriptorProto(emptypb.File_google_protobuf_empty_proto),
		protodesc.ToFileDescriptorProto(policyv1.File_oidcrpc_policy_v1_policy_proto),
		file,
	}})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func filesOf(t *testing.T, raw []byte, types *resolver) *protoregistry.Files {
	t.Helper()
	set := new(descriptorpb.FileDescriptorSet)
	if err := (proto.UnmarshalOptions{Resolver: types}).Unmarshal(raw, set); err != nil {
		t.Fatal(err)
	}
	files, err := protodesc.NewFiles(set)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// A resolver knows a registry's extensions, or none.
type resolver struct{ types *dynamicpb.Types }

func (r *resolver) FindExtensionByName(name protoreflect.FullName) (protoreflect.ExtensionType, error) {
	if r.types == nil {
		return nil, protoregistry.NotFound
	}
	return r.types.FindExtensionByName(name)
}

func (r *resolver) FindExtensionByNumber(
	message protoreflect.FullName, number protoreflect.FieldNumber,
) (protoreflect.ExtensionType, error) {
	if r.types == nil {
		return nil, protoregistry.NotFound
	}
	return r.types.FindExtensionByNumber(message, number)
}
