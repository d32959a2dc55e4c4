package interceptor

import "strings"

// The procedures of gRPC's own services, for use as keys of a [Policy]. They are
// closed to callers without a token until a rule opens them:
//
//	interceptor.HealthCheck:  {Access: interceptor.Public},
//	interceptor.ReflectionV1: {Access: interceptor.Public},
const (
	HealthCheck = "/grpc.health.v1.Health/Check"
	HealthList  = "/grpc.health.v1.Health/List"
	HealthWatch = "/grpc.health.v1.Health/Watch"

	ReflectionV1      = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
	ReflectionV1Alpha = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
)

// IsProcedure reports whether s is of the form "/package.Service/Method", the only
// one that is ever admitted.
func IsProcedure(s string) bool {
	_, ok := serviceOf(s)
	return ok && !strings.HasSuffix(s, "/*")
}

// serviceOf returns the "/service" of a "/service/method".
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
	begins := true // a part between dots, which is not to be empty
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
