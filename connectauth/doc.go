// Package connectauth secures connect-go handlers, for the Connect, gRPC and
// gRPC-Web protocols alike:
//
//	path, handler := greetv1connect.NewGreetServiceHandler(service,
//		connect.WithInterceptors(connectauth.NewInterceptor(auth)))
//
// The auth is an [interceptor.Authenticator], whose package documents what callers
// get. A handler reads its caller with [interceptor.ClaimsFromContext].
//
// A refusal's challenge travels as WWW-Authenticate, in the header. Once a message
// of a stream has been sent it travels in the trailers, except in the gRPC
// protocol, since net/http drops that trailer: there it is left to the
// google.rpc.ErrorInfo detail, which holds it in every case. Browsers let a page
// read the header only if CORS exposes it.
//
// [NewMiddleware], around the handlers, refuses calls before a byte of their body
// is read. It complements the interceptor and never replaces it.
package connectauth
