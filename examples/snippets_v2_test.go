package examples_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"golang.org/x/oauth2"

	connectauth "github.com/oidcrpc/oidcrpc/connectauth/v2"
	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	greetv1connect "github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connectv2"
	ordersv1connect "github.com/oidcrpc/oidcrpc/examples/orders/v1/ordersv1connectv2"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/interceptor/client"
	"github.com/oidcrpc/oidcrpc/interceptor/schema"
)

// README.md and docs/connect-v2.md: a server of connect-go v2.
func Example_connectV2() {
	auth, err := interceptor.New(newVerifier())
	if err != nil {
		log.Fatal(err)
	}
	var service greetv1connect.GreetServiceHandler
	mux := http.NewServeMux()
	// import connectrpc.com/connect/v2, …/v2/connecthttp and github.com/oidcrpc/oidcrpc/connectauth/v2
	server := connect.NewServer(connectauth.NewServerInterceptor(auth))
	greetv1connect.RegisterGreetServiceHandler(server, service)
	connecthttp.Mount(mux, server)
	fmt.Println(len(connectauth.Procedures(server)))
	// Output: 4
}

// docs/client.md: a client of connect-go v2.
func Example_connectV2Client() {
	tokens := client.NewSource(func(context.Context) (*oauth2.Token, error) { return nil, errors.New("no token") })
	transport := connecthttp.NewTransport(http.DefaultClient, "https://api.example")
	greeter := greetv1connect.NewGreetServiceClient(
		connect.NewClient(transport, connectauth.NewClientInterceptor(tokens)))
	_, err := greeter.Greet(context.Background(), &greetv1.GreetRequest{})
	_, ok := errors.AsType[*client.TokenError](err)
	fmt.Println(connect.CodeOf(err), ok)
	// Output: unavailable true
}

// docs/connect-v2.md: the policy from the schema.
func Example_connectV2Schema() {
	v := newVerifier()
	register := func(server *connect.Server) { ordersv1connect.RegisterOrderServiceHandler(server, nil) }

	described := connect.NewServer()
	register(described)
	policy, err := schema.Policy(nil, connectauth.Files(described)...)
	if err != nil {
		log.Fatal(err)
	}
	auth, err := interceptor.New(v, interceptor.WithPolicy(policy))
	if err != nil {
		log.Fatal(err)
	}
	server := connect.NewServer(connectauth.NewServerInterceptor(auth))
	register(server)
	if err := auth.CheckPolicy(connectauth.Procedures(server)); err != nil {
		log.Fatal(err) // an rpc has no rule
	}
	fmt.Println(len(policy))
	// Output: 5
}
