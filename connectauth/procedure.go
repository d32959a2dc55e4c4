package connectauth

import (
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// Procedures returns everything the services in files declare, for
// [interceptor.Authenticator.CheckPolicy]: "/package.Service/Method", sorted. The
// generated code has a descriptor for each .proto file, such as
// greetv1.File_greet_v1_greet_proto. A mux can't list what it serves.
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
