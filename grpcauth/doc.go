// Package grpcauth secures grpc-go servers:
//
//	srv := grpc.NewServer(
//		grpc.ChainUnaryInterceptor(grpcauth.UnaryServerInterceptor(auth)),
//		grpc.ChainStreamInterceptor(grpcauth.StreamServerInterceptor(auth)),
//	)
//
// or, so you can forget neither, grpc.NewServer(grpcauth.ServerOptions(auth)...).
// The auth is an [interceptor.Authenticator]; its package documents what callers get.
// A handler reads its caller with [interceptor.ClaimsFromContext].
//
// A refusal's challenge travels as www-authenticate, in the trailer. On a server run by
// net/http ([grpc.Server.ServeHTTP]) it travels in the header, since net/http drops
// that trailer. There, once a message was sent, only the google.rpc.ErrorInfo detail
// still holds it, as it always does.
//
// Interceptors run after grpc-go has read and decoded the request of a unary call, and
// calls past the [grpc.Server] bypass them. Put them first, right after recovery and
// logging.
package grpcauth
