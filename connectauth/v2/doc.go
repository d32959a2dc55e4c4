// Package connectauth secures servers of connect-go v2, for the Connect, gRPC and
// gRPC-Web protocols alike, and for calls in process:
//
//	server := connect.NewServer(connectauth.NewServerInterceptor(auth))
//	greetv1connect.RegisterGreetServiceHandler(server, service)
//	connecthttp.Mount(mux, server)
//
// The auth is an [interceptor.Authenticator]; its package documents what callers get.
// A handler reads its caller with [interceptor.ClaimsFromContext].
//
// The interceptor decides before a byte of a message is read, decompressed or decoded.
// Put it first, right after recovery and tracing: what stands in front of it also sees
// the calls it refuses.
//
// A refusal's challenge travels as WWW-Authenticate, in the header. Once a stream has
// sent a message it travels in the trailers. In the gRPC protocol net/http drops that
// trailer. There, once a message was sent, only the google.rpc.ErrorInfo detail still
// holds it, as it always does. Browsers let scripts read the header only if CORS
// exposes it.
//
// A [Middleware], around the mux, helps refusals arrive: over HTTP/1.1, through proxies, and
// at clients that retry. It complements the interceptor and never replaces it.
//
// For connect-go v1 there is the package of the same name without the v2 in its path.
// A program can use both, and one that uses either doesn't compile the other.
package connectauth
