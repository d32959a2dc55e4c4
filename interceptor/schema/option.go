package schema

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/oidcrpc/oidcrpc/interceptor/schema/policyv1"
)

// options belong to a service or a method.
type options interface {
	proto.Message
	GetUninterpretedOption() []*descriptorpb.UninterpretedOption
}

// optionOf returns our option on a service or method, or nil. Overlooking one would
// drop a restriction.
func optionOf(descriptor protoreflect.Descriptor) (*policyv1.Rule, error) {
	extension, options := policyv1.E_Method, options(new(descriptorpb.MethodOptions))
	if _, ok := descriptor.(protoreflect.ServiceDescriptor); ok {
		extension, options = policyv1.E_Service, new(descriptorpb.ServiceOptions)
	}
	err := decodeAgain(descriptor.Options(), options, extension)
	switch {
	case err != nil:
		return nil, fmt.Errorf("its options cannot be read: %w", err)
	case len(options.GetUninterpretedOption()) > 0:
		return nil, errors.New("its options were parsed, but not interpreted")
	case hasUnknown(options, extension.TypeDescriptor().Number()):
		return nil, errors.New("its options have another one with our number")
	case !proto.HasExtension(options, extension):
		return nil, nil //nolint:nilnil // most rpcs of most programs have none
	}
	option, _ := proto.GetExtension(options, extension).(*policyv1.Rule)
	return option, nil
}

// decodeAgain copies from into to, where the extension is of our type. A descriptor
// built at run time has it as a dynamic message, or as an unknown field.
func decodeAgain(from, to proto.Message, extension protoreflect.ExtensionType) error {
	raw, err := proto.MarshalOptions{AllowPartial: true}.Marshal(from)
	if err != nil {
		return err
	}
	types := new(protoregistry.Types)
	if err := types.RegisterExtension(extension); err != nil {
		return err
	}
	return proto.UnmarshalOptions{AllowPartial: true, Resolver: types}.Unmarshal(raw, to)
}

// hasUnknown reports whether there is a field with our number that couldn't be decoded
// as our option.
func hasUnknown(message proto.Message, number protowire.Number) bool {
	raw := message.ProtoReflect().GetUnknown()
	for len(raw) > 0 {
		n, _, length := protowire.ConsumeField(raw)
		if n == number || length < 0 {
			return true
		}
		raw = raw[length:]
	}
	return false
}
