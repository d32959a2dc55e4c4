package gatewayauth_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/grpcauth"
	"github.com/oidcrpc/oidcrpc/grpcauth/gatewayauth"
	greetgw "github.com/oidcrpc/oidcrpc/grpcauth/gatewayauth/internal/greet/v1"
	"github.com/oidcrpc/oidcrpc/interceptor"
)

func ExampleOptions() {
	auth, err := interceptor.New(tokens{}) // your verifier
	if err != nil {
		panic(err)
	}
	server := grpc.NewServer(grpcauth.ServerOptions(auth)...)
	greetv1.RegisterGreetServiceServer(server, greeter{})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go func() { _ = server.Serve(listener) }()
	defer server.Stop()
	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		panic(err)
	}
	defer conn.Close()

	mux := runtime.NewServeMux(gatewayauth.Options()...)
	if err := greetgw.RegisterGreetServiceHandler(context.Background(), mux, conn); err != nil {
		panic(err)
	}

	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/v1/greetings/ann", nil))
	fmt.Println(w.Code, w.Header().Get("WWW-Authenticate"))
	// Output: 401 Bearer realm="api"
}
