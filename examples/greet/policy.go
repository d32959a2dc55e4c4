package greet

import (
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
)

// Policy says who may call what: anyone the health check, every valid token Greet
// and Watch, and others only what their token grants.
var Policy = interceptor.Policy{
	"/grpc.health.v1.Health/Check": {Access: interceptor.Public},
	"/greet.v1.GreetService/Collect": {
		Require: verifier.Requirement{Scopes: []string{"greet:write"}},
	},
	"/greet.v1.GreetService/Converse": {
		Require: verifier.Requirement{Permissions: []string{"converse"}},
	},
}
