package interceptor

import "strings"

// The procedures of gRPC's own services, as keys for a [Policy]. They need a token
// like any others, until a rule opens them:
//
//	interceptor.HealthCheck:  {Access: interceptor.AccessPublic},
//	interceptor.ReflectionV1: {Access: interceptor.AccessPublic},
const (
	HealthCheck = "/grpc.health.v1.Health/Check"
	HealthList  = "/grpc.health.v1.Health/List"
	HealthWatch = "/grpc.health.v1.Health/Watch"

	ReflectionV1      = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
	ReflectionV1Alpha = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
)

// builtins are those that a server may have without descriptors to list them.
var builtins = []string{HealthCheck, HealthList, HealthWatch, ReflectionV1, ReflectionV1Alpha}

// IsProcedure reports whether s has the form "/package.Service/Method", the only one
// that is ever admitted. For adapters.
func IsProcedure(s string) bool {
	_, ok := serviceOf(s)
	return ok && !strings.HasSuffix(s, "/*")
}

// serviceOf returns the "/service" in a "/service/method".
func serviceOf(procedure string) (string, bool) {
	if !strings.HasPrefix(procedure, "/") {
		return "", false
	}
	service, method, ok := strings.Cut(procedure[1:], "/")
	if !ok || !isName(service) || method != "*" && !isName(method) {
		return "", false
	}
	return procedure[:1+len(service)], true
}

// isName accepts what services and methods are called: no wildcard, no escape, and
// nothing that a router might take for another name.
func isName(name string) bool {
	begins := true // a part between dots, which must not be empty
	for i := range len(name) {
		c := name[i]
		if c == '.' && begins {
			return false
		}
		if c != '.' && c != '_' && c != '-' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
		begins = c == '.'
	}
	return !begins
}
