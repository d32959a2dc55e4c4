// Command server is the smallest gRPC server there is, to see how much larger oidcrpc makes it. Build
// tags add to it: guarded, tls and https.
package main

import (
	"context"
	"log"
	"net"

	"google.golang.org/grpc"

	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
)

type greeter struct {
	greetv1.UnimplementedGreetServiceServer
}

func (greeter) Greet(_ context.Context, req *greetv1.GreetRequest) (*greetv1.GreetResponse, error) {
	return &greetv1.GreetResponse{Greeting: "Hello, " + req.GetName()}, nil
}

// options are what files with build tags add.
var options []func() ([]grpc.ServerOption, error)

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	var all []grpc.ServerOption
	for _, option := range options {
		more, err := option()
		if err != nil {
			return err
		}
		all = append(all, more...)
	}
	listener, err := net.Listen("tcp", ":8443")
	if err != nil {
		return err
	}
	server := grpc.NewServer(all...)
	greetv1.RegisterGreetServiceServer(server, greeter{})
	return server.Serve(listener)
}
