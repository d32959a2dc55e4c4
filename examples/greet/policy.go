package greet

import (
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
)

// Policy says who may call what. The health check and reflection are open to all, and
// Greet and Watch need a valid token. Collect and Converse need a token that grants them.
// Whatever isn't listed is closed.
var Policy = interceptor.Policy{
	interceptor.HealthCheck: {Access: interceptor.AccessPublic},
	interceptor.HealthList:  {Access: interceptor.AccessPublic},
	interceptor.HealthWatch: {Access: interceptor.AccessPublic},

	interceptor.ReflectionV1:      {Access: interceptor.AccessPublic},
	interceptor.ReflectionV1Alpha: {Access: interceptor.AccessPublic},

	"/greet.v1.GreetService/Greet": {},
	"/greet.v1.GreetService/Watch": {},
	"/greet.v1.GreetService/Collect": {
		Require: verifier.Requirement{Scopes: []string{"greet:write"}},
	},
	"/greet.v1.GreetService/Converse": {
		Require: verifier.Requirement{Permissions: []string{"converse"}},
	},
	"/*": {Access: interceptor.AccessDenied},
}
