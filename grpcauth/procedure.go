package grpcauth

import (
	"slices"

	"google.golang.org/grpc"
)

// Procedures returns everything that server serves, for
// [interceptor.Authenticator.CheckPolicy]: "/package.Service/Method", sorted. A server
// is a [*grpc.Server] or anything that lists its services like one.
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
