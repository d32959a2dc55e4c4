package grpcauth_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/oidcrpc/oidcrpc/grpcauth"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

func Example() {
	// import github.com/oidcrpc/oidcrpc/verifier, …/interceptor and …/grpcauth
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
	srv := grpc.NewServer(grpcauth.ServerOptions(auth)...)
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
	auth := exampleAuth()
	srv := grpc.NewServer(
		grpc.ChainUnaryInterceptor(grpcauth.UnaryServerInterceptor(auth)),
		grpc.ChainStreamInterceptor(grpcauth.StreamServerInterceptor(auth)),
	)
	fmt.Println(len(srv.GetServiceInfo()), "services")
	// Output: 0 services
}

// A user is an issuer's subject: another issuer may have the same one.
type user struct{ issuer, subject string }

type order struct{ customer user }

func ExampleRefuse() {
	show := func(ctx context.Context, order *order) (*order, error) {
		claims, ok := interceptor.ClaimsFromContext(ctx)
		if !ok || order.customer != (user{claims.Issuer(), claims.Subject()}) {
			return nil, grpcauth.Refuse(ctx, errors.New("the order is another customer's"))
		}
		return order, nil
	}

	ctx := interceptor.ContextWithClaims(context.Background(),
		verifiertest.Claims(map[string]any{"sub": "alice"}))
	_, err := show(ctx, &order{customer: user{"https://issuer.test", "bob"}})
	fmt.Println(status.Code(err))
	// Output: PermissionDenied
}

func ExampleProcedures() {
	srv := grpc.NewServer()
	healthv1.RegisterHealthServer(srv, health.NewServer())
	for _, procedure := range grpcauth.Procedures(srv) {
		fmt.Println(procedure)
	}
	// Output:
	// /grpc.health.v1.Health/Check
	// /grpc.health.v1.Health/List
	// /grpc.health.v1.Health/Watch
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
