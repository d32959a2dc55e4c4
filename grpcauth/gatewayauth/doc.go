// Package gatewayauth lets grpc-gateway tell HTTP clients what a gRPC server's refusal says:
//
//	mux := runtime.NewServeMux(gatewayauth.Options()...)
//	err := greetv1.RegisterGreetServiceHandler(ctx, mux, conn)
//
// It decides nothing. The server behind conn does, with the interceptors of package
// grpcauth. The gateway forwards Authorization by itself.
//
// # What a client gets
//
// A refused call has the challenge in WWW-Authenticate, and an outage has Retry-After, for
// unary calls and for streams that are refused before their first message. Without this
// package the gateway's WWW-Authenticate is the error's text, and only on 401. Once a stream
// has sent a message, its last line holds the error, with the challenge in the details.
//
// The challenge comes from the google.rpc.ErrorInfo detail. A server that sends it as
// metadata alone is understood, too.
//
// # What bypasses the server's interceptors
//
// The generated functions named Register…HandlerServer call an implementation directly.
// No interceptor runs, so every call is admitted. Use Register…Handler, or
// Register…HandlerFromEndpoint, and a connection: it may lead back to the same process.
package gatewayauth
