package main

import (
	"net/http"
	"strings"

	ordersv1 "github.com/oidcrpc/oidcrpc/examples/orders/v1"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/interceptor/schema"
)

// newAuthenticator enforces what orders.proto says. The health check and reflection come from
// other protos, so their rules stand here. Whatever neither mentions is closed.
func newAuthenticator(
	v interceptor.TokenVerifier, options ...interceptor.Option,
) (*interceptor.Authenticator, error) {
	policy, err := schema.Policy(interceptor.Policy{
		interceptor.HealthCheck: {Access: interceptor.AccessPublic},
		interceptor.HealthList:  {Access: interceptor.AccessDenied},
		interceptor.HealthWatch: {Access: interceptor.AccessDenied},

		interceptor.ReflectionV1:      {Access: interceptor.AccessPublic},
		interceptor.ReflectionV1Alpha: {Access: interceptor.AccessPublic},

		"/*": {Access: interceptor.AccessDenied},
	}, ordersv1.File_orders_v1_orders_proto)
	if err != nil {
		return nil, err
	}
	options = append(options, interceptor.WithRealm("orders"), interceptor.WithPolicy(policy))
	return interceptor.New(v, options...)
}

// newHandler serves both stacks on one port: grpc-go serves gRPC, and connect-go, v2 or
// v1, serves Connect and gRPC-Web.
func newHandler(auth *interceptor.Authenticator, v1 bool) http.Handler {
	service := &service{store: newStore()}
	overGRPC, overConnect := newGRPCServer(auth, service), newConnectHandler(auth, service)
	if v1 {
		overConnect = newConnectV1Handler(auth, service)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isGRPC(r) {
			overGRPC.ServeHTTP(w, r)
		} else {
			overConnect.ServeHTTP(w, r)
		}
	})
}

func isGRPC(r *http.Request) bool {
	contentType := r.Header.Get("Content-Type")
	return strings.HasPrefix(contentType, "application/grpc") && !strings.HasPrefix(contentType, "application/grpc-web")
}
