package connectauth

import (
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// Procedures returns those of all services in files, for
// [interceptor.Authenticator.CheckPolicy]: "/package.Service/Method", sorted. The
// generated code of each .proto file has its descriptor, such as
// greetv1.File_greet_v1_greet_proto: a mux cannot be asked what it serves.
func Procedures(files ...protoreflect.FileDescriptor) []string {
	var procedures []string
	for _, file := range files {
		for i := range file.Services().Len() {
			service := file.Services().Get(i)
			for j := range service.Methods().Len() {
				method := service.Methods().Get(j)
				procedures = append(procedures, "/"+string(service.FullName())+"/"+string(method.Name()))
			}
		}
	}
	slices.Sort(procedures)
	return procedures
}
