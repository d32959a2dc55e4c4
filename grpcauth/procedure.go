package grpcauth

import (
	"slices"

	"google.golang.org/grpc"
)

// Procedures returns everything the server serves, for
// [interceptor.Authenticator.CheckPolicy]: "/package.Service/Method", sorted. The server
// may be a [*grpc.Server] or anything else with a list of its services.
func Procedures(server interface {
	GetServiceInfo() map[string]grpc.ServiceInfo
}) []string {
	var procedures []string
	for service, info := range server.GetServiceInfo() {
		for _, method := range info.Methods {
			procedures = append(procedures, "/"+service+"/"+method.Name)
		}
	}
	slices.Sort(procedures)
	return procedures
}
