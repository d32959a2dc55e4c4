// Package grpcauth secures grpc-go servers:
//
//	srv := grpc.NewServer(
//		grpc.ChainUnaryInterceptor(grpcauth.UnaryServerInterceptor(auth)),
//		grpc.ChainStreamInterceptor(grpcauth.StreamServerInterceptor(auth)),
//	)
//
// or, so that neither can be forgotten, grpc.NewServer(grpcauth.ServerOptions(auth)...).
// The auth is an [interceptor.Authenticator], whose package documents what callers
// get. A handler reads its caller with [interceptor.ClaimsFromContext].
//
// A refusal's challenge travels as www-authenticate, in the trailer. On a server
// that is run by net/http ([grpc.Server.ServeHTTP]) it travels in the header, since
// net/http drops that trailer; there, once a message has been sent, it is left to
// the google.rpc.ErrorInfo detail, which holds it in every case.
//
// Interceptors run after grpc-go has read and decoded the request of a unary call,
// and not at all for calls that do not pass a [grpc.Server]. Put them first, after
// recovery and logging.
package grpcauth
