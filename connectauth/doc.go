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
// sent a message it travels in the trailers. In the gRPC protocol it then can't travel,
// since net/http drops that trailer: only the google.rpc.ErrorInfo detail holds it, as
// it does in every case. Browsers let scripts read the header only if CORS exposes it.
//
// A [Middleware], around the handlers, refuses calls before a byte of their body is
// read. It complements the interceptor and never replaces it.
package connectauth
