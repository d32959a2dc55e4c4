package grpcauth_test

import (
	"context"
	"fmt"
	"log"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	"github.com/oidcrpc/oidcrpc/grpcauth"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
)

func Example() {
	v, err := verifier.New(verifier.Config{
		Issuer:    "https://issuer.example/",
		Audiences: []string{"https://api.example"},
	})
	if err != nil {
		log.Fatal(err)
	}
	auth, err := interceptor.New(v, interceptor.WithRealm("api"))
	if err != nil {
		log.Fatal(err)
	}
	srv := grpc.NewServer(
		grpc.ChainUnaryInterceptor(grpcauth.UnaryServerInterceptor(auth)),
		grpc.ChainStreamInterceptor(grpcauth.StreamServerInterceptor(auth)),
	)
	fmt.Println(len(srv.GetServiceInfo()), "services")
	// Output: 0 services
}

func ExampleServerOptions() {
	srv := grpc.NewServer(grpcauth.ServerOptions(exampleAuth())...)
	fmt.Println(len(srv.GetServiceInfo()), "services")
	// Output: 0 services
}

func ExampleUnaryServerInterceptor() {
	intercept := grpcauth.UnaryServerInterceptor(exampleAuth())
	_, err := intercept(context.Background(), nil, &grpc.UnaryServerInfo{FullMethod: "/greet.v1.GreetService/Greet"},
		func(context.Context, any) (any, error) { return "not reached", nil })
	fmt.Println(status.Code(err))
	// Output: Unauthenticated
}

func ExampleStreamServerInterceptor() {
	srv := grpc.NewServer(grpc.ChainStreamInterceptor(grpcauth.StreamServerInterceptor(exampleAuth())))
	fmt.Println(len(srv.GetServiceInfo()), "services")
	// Output: 0 services
}

func exampleAuth() *interceptor.Authenticator {
	v, err := verifier.New(verifier.Config{
		Issuer:    "https://issuer.example/",
		Audiences: []string{"https://api.example"},
	})
	if err != nil {
		log.Fatal(err)
	}
	auth, err := interceptor.New(v)
	if err != nil {
		log.Fatal(err)
	}
	return auth
}
