package examples_test

import (
	"context"
	"fmt"
	"log"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"github.com/oidcrpc/oidcrpc/examples/greet"
	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

func Example_issuerForTests() {
	// import github.com/oidcrpc/oidcrpc/verifier/verifiertest
	issuer := verifiertest.NewIssuer()
	token := issuer.Token(map[string]any{"scope": "orders:read"})
	v, err := verifier.New(issuer.Config())
	if err != nil {
		log.Fatal(err)
	}
	claims, err := v.Verify(context.Background(), token)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(claims.Subject(), claims.Scopes())
	// Output: user [orders:read]
}

func Example_callsForTests() {
	issuer := verifiertest.NewIssuer()
	v, err := verifier.New(issuer.Config())
	if err != nil {
		log.Fatal(err)
	}
	auth, err := interceptor.New(v, interceptor.WithPolicy(greet.Policy))
	if err != nil {
		log.Fatal(err)
	}
	listener := bufconn.Listen(1 << 20)
	srv := greet.NewGRPCServer(auth)
	go func() { _ = srv.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) { return listener.Dial() }))
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Stop()
	defer conn.Close()
	client := greetv1.NewGreetServiceClient(conn)

	ctx := metadata.AppendToOutgoingContext(context.Background(),
		"authorization", "Bearer "+issuer.Token(map[string]any{"scope": "greet:write"}))
	_, err = client.Greet(ctx, &greetv1.GreetRequest{Name: "Ada"})
	fmt.Println(status.Code(err))
	_, err = client.Greet(context.Background(), &greetv1.GreetRequest{Name: "Ada"})
	fmt.Println(status.Code(err))
	// Output:
	// OK
	// Unauthenticated
}
