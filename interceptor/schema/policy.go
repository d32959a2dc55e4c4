package schema

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/oidcrpc/oidcrpc/interceptor"
)

// Policy returns the policy that files state in their options, overridden by the
// explicit rules, which may be nil.
//
// A service's option becomes the rule "/pkg.Service/*", and an rpc's option becomes the
// rule "/pkg.Service/Method". The second replaces the first and never merges with it.
// An rpc without either has no rule: it needs a valid token, and nothing more.
//
// Rules in explicit, for a procedure or its service, override the schema. A key
// "/pkg.Service/*" drops everything the schema says about the service, so no option can
// soften it. Under "/*" explicit may only have {Access: AccessDenied}, which closes
// what no rule or option names. What every call needs stands in
// [verifier.Config].Require.
//
// An error names the file and the procedure whose option contradicts itself, or is
// unknown to this version of the library. Passing no file, or a service twice, is an
// error too.
//
// The program that built the descriptors need not know our options: descriptors from a
// FileDescriptorSet are as good as generated ones.
func Policy(explicit interceptor.Policy, files ...protoreflect.FileDescriptor) (interceptor.Policy, error) {
	if len(files) == 0 {
		return nil, errors.New("schema: Policy needs a file")
	}
	if rule, ok := explicit["/*"]; ok && rule.Access != interceptor.AccessDenied {
		return nil, errors.New(`schema: the schema's options would replace the explicit rule "/*"`)
	}
	policy, err := policyOf(files)
	if err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	maps.DeleteFunc(policy, func(key string, _ interceptor.Rule) bool {
		service := key[:strings.LastIndexByte(key, '/')]
		_, ok := explicit[service+"/*"]
		return ok
	})
	maps.Copy(policy, explicit)
	return policy, nil
}

// Files returns a registry's files, sorted by path, for [Policy].
// [protoregistry.GlobalFiles] has a file for all generated code in the program, even
// for services it only calls.
func Files(registry *protoregistry.Files) []protoreflect.FileDescriptor {
	var files []protoreflect.FileDescriptor
	registry.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		files = append(files, file)
		return true
	})
	slices.SortFunc(files, func(a, b protoreflect.FileDescriptor) int {
		return strings.Compare(a.Path(), b.Path())
	})
	return files
}

func policyOf(files []protoreflect.FileDescriptor) (interceptor.Policy, error) {
	policy := make(interceptor.Policy)
	paths := make(map[protoreflect.FullName]string)
	for _, file := range files {
		// A placeholder stands for a file that wasn't found.
		if file == nil || file.IsPlaceholder() {
			return nil, errors.New("a file is nil or a placeholder")
		}
		for i := range file.Services().Len() {
			service := file.Services().Get(i)
			if path, ok := paths[service.FullName()]; ok {
				return nil, fmt.Errorf("%s: service %s is in %s already", file.Path(), service.FullName(), path)
			}
			paths[service.FullName()] = file.Path()
			if err := addService(policy, service); err != nil {
				return nil, fmt.Errorf("%s: %w", file.Path(), err)
			}
		}
	}
	return policy, nil
}

func addService(policy interceptor.Policy, service protoreflect.ServiceDescriptor) error {
	prefix := "/" + string(service.FullName()) + "/"
	if err := addRule(policy, prefix+"*", service); err != nil {
		return err
	}
	for i := range service.Methods().Len() {
		method := service.Methods().Get(i)
		if err := addRule(policy, prefix+string(method.Name()), method); err != nil {
			return err
		}
	}
	return nil
}

func addRule(policy interceptor.Policy, key string, descriptor protoreflect.Descriptor) error {
	option, err := optionOf(descriptor)
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	if option == nil {
		return nil
	}
	policy[key], err = ruleOf(option)
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	return nil
}
