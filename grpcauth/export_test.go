package grpcauth

import (
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/oidcrpc/oidcrpc/interceptor/client"
)

// CallUnary returns what ClientOptions holds for unary calls.
func CallUnary(tokens *client.Source) (grpc.UnaryClientInterceptor, credentials.PerRPCCredentials) {
	return callUnary(tokens), &perRPCCredentials{tokens: tokens}
}

// LaterAttempt is laterAttempt.
var LaterAttempt = laterAttempt
