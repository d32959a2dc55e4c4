package connectauth

import (
	"slices"
	"strings"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Procedures returns everything the servers serve, for
// [interceptor.Authenticator.CheckPolicy]: "/package.Service/Method", sorted.
func Procedures(servers ...*connect.Server) []string {
	var procedures []string
	for _, server := range servers {
		for spec := range server.Specs() {
			procedures = append(procedures, spec.Procedure)
		}
	}
	slices.Sort(procedures)
	return procedures
}

// Files returns the .proto files that declare what the servers serve, sorted by path,
// for the Policy function in package schema. A procedure that was registered without
// generated code has none.
//
// The policy comes before the interceptor, and so before the server it secures. List
// the files of a server without interceptors, and register the same services with both.
func Files(servers ...*connect.Server) []protoreflect.FileDescriptor {
	var files []protoreflect.FileDescriptor
	for _, server := range servers {
		for spec := range server.Specs() {
			if method, ok := spec.Schema.(protoreflect.MethodDescriptor); ok {
				files = append(files, method.ParentFile())
			}
		}
	}
	byPath := func(a, b protoreflect.FileDescriptor) int { return strings.Compare(a.Path(), b.Path()) }
	slices.SortFunc(files, byPath)
	return slices.CompactFunc(files, func(a, b protoreflect.FileDescriptor) bool { return a.Path() == b.Path() })
}
