package connectauth_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"

	connectauth "github.com/oidcrpc/oidcrpc/connectauth/v2"
	greetv1connect "github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connectv2"
	ordersv1connect "github.com/oidcrpc/oidcrpc/examples/orders/v1/ordersv1connectv2"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/interceptor/schema"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
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
	var service greetv1connect.GreetServiceHandler // yours
	server := connect.NewServer(connectauth.NewServerInterceptor(auth))
	greetv1connect.RegisterGreetServiceHandler(server, service)
	mux := http.NewServeMux()
	connecthttp.Mount(mux, server)

	res := httptest.NewRecorder()
	mux.ServeHTTP(res, httptest.NewRequest(http.MethodGet,
		"/greet.v1.GreetService/Greet?connect=v1&encoding=json&message=%7B%7D", nil))
	fmt.Println(res.Code, res.Header().Get("WWW-Authenticate"))
	// Output: 401 Bearer realm="api"
}

func ExampleNewServerInterceptor() {
	server := connect.NewServer(connectauth.NewServerInterceptor(exampleAuth(nil)))
	greetv1connect.RegisterGreetServiceHandler(server, nil)
	mux := http.NewServeMux()
	connecthttp.Mount(mux, server)

	res := httptest.NewRecorder()
	mux.ServeHTTP(res, httptest.NewRequest(http.MethodGet,
		"/greet.v1.GreetService/Greet?connect=v1&encoding=json&message=%7B%7D", nil))
	fmt.Println(res.Code)
	// Output: 401
}

func ExampleNewMiddleware() {
	auth := exampleAuth(nil)
	server := connect.NewServer(connectauth.NewServerInterceptor(auth))
	greetv1connect.RegisterGreetServiceHandler(server, nil)
	mux := http.NewServeMux()
	connecthttp.Mount(mux, server)

	// Even a procedure that isn't registered needs a token.
	handler := connectauth.NewMiddleware(auth).Wrap(mux)
	res := httptest.NewRecorder()
	handler.ServeHTTP(res, httptest.NewRequest(http.MethodPost, "/greet.v1.GreetService/Other", nil))
	fmt.Println(res.Code)
	// Output: 401
}

func ExampleWithSkip() {
	middleware := connectauth.NewMiddleware(exampleAuth(nil), connectauth.WithSkip(func(r *http.Request) bool {
		return r.URL.Path == "/healthz"
	}))
	handler := middleware.Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "healthy")
	}))
	res := httptest.NewRecorder()
	handler.ServeHTTP(res, httptest.NewRequest(http.MethodGet, "/healthz", nil))
	fmt.Println(res.Body)
	// Output: healthy
}

type order struct{ customer string }

// The mux serves procedures below /api.
func ExampleWithPrefix() {
	mux := http.NewServeMux()
	mux.Handle("/api/", http.StripPrefix("/api", http.NotFoundHandler())) // yours
	handler := connectauth.NewMiddleware(exampleAuth(nil), connectauth.WithPrefix("/api")).Wrap(mux)

	res := httptest.NewRecorder()
	handler.ServeHTTP(res, httptest.NewRequest(http.MethodPost, "/api/greet.v1.GreetService/Greet", nil))
	fmt.Println(res.Code, res.Header().Get("WWW-Authenticate"))
	// Output: 401 Bearer realm="api"
}

func ExampleRefuse() {
	show := func(ctx context.Context, order *order) (*order, error) {
		claims, ok := interceptor.ClaimsFromContext(ctx)
		if !ok || order.customer != claims.Subject() {
			return nil, connectauth.Refuse(ctx, errors.New("the order is another customer's"))
		}
		return order, nil
	}

	ctx := interceptor.ContextWithClaims(context.Background(),
		verifiertest.Claims(map[string]any{"sub": "alice"}))
	_, err := show(ctx, &order{customer: "bob"})
	fmt.Println(connect.CodeOf(err))
	// Output: permission_denied
}

func ExampleProcedures() {
	server := connect.NewServer()
	greetv1connect.RegisterGreetServiceHandler(server, nil)
	for _, procedure := range connectauth.Procedures(server) {
		fmt.Println(procedure)
	}
	// Output:
	// /greet.v1.GreetService/Collect
	// /greet.v1.GreetService/Converse
	// /greet.v1.GreetService/Greet
	// /greet.v1.GreetService/Watch
}

// The protos say who may call what, and no file is named.
func ExampleFiles() {
	register := func(server *connect.Server) {
		ordersv1connect.RegisterOrderServiceHandler(server, nil) // your service
	}

	described := connect.NewServer()
	register(described)
	policy, err := schema.Policy(nil, connectauth.Files(described)...)
	if err != nil {
		log.Fatal(err)
	}
	auth := exampleAuth(policy)

	server := connect.NewServer(connectauth.NewServerInterceptor(auth))
	register(server)
	fmt.Println(auth.CheckPolicy(connectauth.Procedures(server)))
	// Output: <nil>
}

func exampleAuth(policy interceptor.Policy) *interceptor.Authenticator {
	v, err := verifier.New(verifier.Config{
		Issuer:    "https://issuer.example/",
		Audiences: []string{"https://api.example"},
	})
	if err != nil {
		log.Fatal(err)
	}
	auth, err := interceptor.New(v, interceptor.WithPolicy(policy))
	if err != nil {
		log.Fatal(err)
	}
	return auth
}
