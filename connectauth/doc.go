// Package connectauth secures connect-go handlers, for the Connect, gRPC and
// gRPC-Web protocols alike:
//
//	path, handler := greetv1connect.NewGreetServiceHandler(service,
//		connect.WithInterceptors(connectauth.NewInterceptor(auth)))
//
// The auth is an [interceptor.Authenticator]; its package documents what callers get.
// A handler reads its caller with [interceptor.ClaimsFromContext].
//
// A refusal's challenge travels as WWW-Authenticate, in the header. Once a stream has
// sent a message it travels in the trailers. In the gRPC protocol net/http drops that
// trailer. There, once a message was sent, only the google.rpc.ErrorInfo detail still
// holds it, as it always does. Browsers let scripts read the header only if CORS
// exposes it.
//
// A [Middleware], around the handlers, refuses calls before a byte of their body is
// read. It complements the interceptor and never replaces it.
package connectauth
