package schema_test

import (
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/oidcrpc/oidcrpc/interceptor/schema/policyv1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	required = policyv1.Access_ACCESS_REQUIRED
	optional = policyv1.Access_ACCESS_OPTIONAL
	public   = policyv1.Access_ACCESS_PUBLIC
	denied   = policyv1.Access_ACCESS_DENIED
)

// A service describes a service, with its option and its methods' options. A nil rule
// is no option.
type service struct {
	name    string
	option  *policyv1.Rule
	methods map[string]*policyv1.Rule
}

// fileOf returns what a compiler makes from services in package test.
func fileOf(path string, services ...service) *descriptorpb.FileDescriptorProto {
	file := &descriptorpb.FileDescriptorProto{
		Name:       new(path),
		Package:    new("test"),
		Syntax:     new("proto3"),
		Dependency: []string{"google/protobuf/empty.proto", "oidcrpc/policy/v1/policy.proto"},
	}
	for _, s := range services {
		service := &descriptorpb.ServiceDescriptorProto{Name: new(s.name)}
		if s.option != nil {
			service.Options = &descriptorpb.ServiceOptions{}
			proto.SetExtension(service.GetOptions(), policyv1.E_Service, s.option)
		}
		for name, option := range s.methods {
			method := &descriptorpb.MethodDescriptorProto{
				Name:       new(name),
				InputType:  new(".google.protobuf.Empty"),
				OutputType: new(".google.protobuf.Empty"),
			}
			if option != nil {
				method.Options = &descriptorpb.MethodOptions{}
				proto.SetExtension(method.GetOptions(), policyv1.E_Method, option)
			}
			service.Method = append(service.Method, method)
		}
		file.Service = append(file.Service, service)
	}
	return file
}

// link returns a file's descriptor.
func link(tb testing.TB, file *descriptorpb.FileDescriptorProto) protoreflect.FileDescriptor {
	tb.Helper()
	_ = emptypb.File_google_protobuf_empty_proto // what the files import has to be linked
	descriptor, err := protodesc.NewFile(file, protoregistry.GlobalFiles)
	if err != nil {
		tb.Fatal(err)
	}
	return descriptor
}

func scopes(all ...string) *policyv1.Rule { return &policyv1.Rule{Scopes: all} }

func seconds(n int64) *durationpb.Duration { return &durationpb.Duration{Seconds: n} }
