package greet

import (
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
)

// Policy says who may call what: anyone the health check, every valid token Greet
// and Watch, others only what their token grants, and nobody what is not listed.
var Policy = interceptor.Policy{
	interceptor.HealthCheck: {Access: interceptor.AccessPublic},
	interceptor.HealthList:  {Access: interceptor.AccessPublic},
	interceptor.HealthWatch: {Access: interceptor.AccessPublic},

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
