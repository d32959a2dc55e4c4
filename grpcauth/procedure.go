package grpcauth

import (
	"slices"

	"google.golang.org/grpc"
)

// Procedures returns all that server serves, for
// [interceptor.Authenticator.CheckPolicy]: "/package.Service/Method", sorted.
func Procedures(server *grpc.Server) []string {
	var procedures []string
	for service, info := range server.GetServiceInfo() {
		for _, method := range info.Methods {
			procedures = append(procedures, "/"+service+"/"+method.Name)
		}
	}
	slices.Sort(procedures)
	return procedures
}
