package gatewayauth_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

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

// Handlers of your own get their errors as before, and write to a response that has the
// challenge.
func ExampleErrorHandler() {
	mux := runtime.NewServeMux(append(gatewayauth.Options(), runtime.WithErrorHandler(gatewayauth.ErrorHandler(func(
		_ context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, _ *http.Request, err error,
	) {
		http.Error(w, status.Convert(err).Message(), runtime.HTTPStatusFromCode(status.Code(err)))
	})))...)

	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	fmt.Print(w.Code, " ", w.Body)
	// Output: 404 Not Found
}

// Streams have another handler, which sees no response.
func ExampleStreamErrorHandler() {
	handler := gatewayauth.StreamErrorHandler(func(_ context.Context, err error) *status.Status {
		return status.New(status.Code(err), "no more")
	})
	mux := runtime.NewServeMux(append(gatewayauth.Options(), runtime.WithStreamErrorHandler(handler))...)
	_ = mux // register your services

	fmt.Println(handler(context.Background(), status.Error(codes.Unauthenticated, "the token expired")).Message())
	// Output: no more
}
