package schema

import (
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/oidcrpc/oidcrpc/interceptor/schema/policyv1"
)

// optionOf returns our option of a service or method, or nil.
func optionOf(descriptor protoreflect.Descriptor) (*policyv1.Rule, error) {
	extension, options := policyv1.E_Method, proto.Message(new(descriptorpb.MethodOptions))
	if _, ok := descriptor.(protoreflect.ServiceDescriptor); ok {
		extension, options = policyv1.E_Service, new(descriptorpb.ServiceOptions)
	}
	if err := decodeAgain(descriptor.Options(), options, extension); err != nil {
		return nil, fmt.Errorf("its options cannot be read: %w", err)
	}
	if !proto.HasExtension(options, extension) {
		return nil, nil //nolint:nilnil // most rpcs of most programs have none
	}
	option, _ := proto.GetExtension(options, extension).(*policyv1.Rule)
	return option, nil
}

// decodeAgain copies from into to, in which the extension is of our type. Descriptors
// that were built at run time have it as a dynamic message, or as an unknown field,
// and an option that we overlook is a restriction that we drop.
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
