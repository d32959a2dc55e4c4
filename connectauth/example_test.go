package connectauth_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"connectrpc.com/connect"

	"github.com/oidcrpc/oidcrpc/connectauth"
	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connect"
	"github.com/oidcrpc/oidcrpc/interceptor"
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
	service := greetv1connect.UnimplementedGreetServiceHandler{}
	mux := http.NewServeMux()
	mux.Handle(greetv1connect.NewGreetServiceHandler(
		service,
		connect.WithInterceptors(connectauth.NewInterceptor(auth)),
	))

	res := httptest.NewRecorder()
	mux.ServeHTTP(res, httptest.NewRequest(http.MethodGet,
		"/greet.v1.GreetService/Greet?connect=v1&encoding=json&message=%7B%7D", nil))
	fmt.Println(res.Code, res.Header().Get("WWW-Authenticate"))
	// Output: 401 Bearer realm="api"
}

func ExampleNewMiddleware() {
	auth := exampleAuth()
	mux := http.NewServeMux()
	mux.Handle(greetv1connect.NewGreetServiceHandler(
		greetv1connect.UnimplementedGreetServiceHandler{},
		connect.WithInterceptors(connectauth.NewInterceptor(auth)),
	))
	handler := connectauth.NewMiddleware(auth).Wrap(mux)

	res := httptest.NewRecorder()
	handler.ServeHTTP(res, httptest.NewRequest(http.MethodPost, "/greet.v1.GreetService/Greet", nil))
	fmt.Println(res.Code, res.Header().Get("WWW-Authenticate"))
	// Output: 401 Bearer realm="api"
}

func ExampleWithSkip() {
	middleware := connectauth.NewMiddleware(exampleAuth(), connectauth.WithSkip(func(r *http.Request) bool {
		return r.URL.Path == "/healthz"
	}))
	handler := middleware.Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "fine")
	}))

	res := httptest.NewRecorder()
	handler.ServeHTTP(res, httptest.NewRequest(http.MethodGet, "/healthz", nil))
	fmt.Println(res.Code, res.Body)
	// Output: 200 fine
}

// The mux serves procedures below /api.
func ExampleWithPrefix() {
	mux := http.NewServeMux()
	mux.Handle("/api/", http.StripPrefix("/api", http.NotFoundHandler())) // yours
	handler := connectauth.NewMiddleware(exampleAuth(), connectauth.WithPrefix("/api")).Wrap(mux)

	res := httptest.NewRecorder()
	handler.ServeHTTP(res, httptest.NewRequest(http.MethodPost, "/api/greet.v1.GreetService/Greet", nil))
	fmt.Println(res.Code, res.Header().Get("WWW-Authenticate"))
	// Output: 401 Bearer realm="api"
}

func ExampleNewInterceptor() {
	_, handler := greetv1connect.NewGreetServiceHandler(
		greetv1connect.UnimplementedGreetServiceHandler{},
		connect.WithInterceptors(connectauth.NewInterceptor(exampleAuth())),
	)
	res := httptest.NewRecorder()
	handler.ServeHTTP(res, httptest.NewRequest(http.MethodGet,
		"/greet.v1.GreetService/Greet?connect=v1&encoding=json&message=%7B%7D", nil))
	fmt.Println(res.Code)
	// Output: 401
}

// A user is an issuer's subject: another issuer may have the same one.
type user struct{ issuer, subject string }

type order struct{ customer user }

func ExampleRefuse() {
	show := func(ctx context.Context, order *order) (*order, error) {
		claims, ok := interceptor.ClaimsFromContext(ctx)
		if !ok || order.customer != (user{claims.Issuer(), claims.Subject()}) {
			return nil, connectauth.Refuse(ctx, errors.New("the order is another customer's"))
		}
		return order, nil
	}

	ctx := interceptor.ContextWithClaims(context.Background(),
		verifiertest.Claims(map[string]any{"sub": "alice"}))
	_, err := show(ctx, &order{customer: user{"https://issuer.test", "bob"}})
	fmt.Println(connect.CodeOf(err))
	// Output: permission_denied
}

func ExampleProcedures() {
	for _, procedure := range connectauth.Procedures(greetv1.File_greet_v1_greet_proto) {
		fmt.Println(procedure)
	}
	// Output:
	// /greet.v1.GreetService/Collect
	// /greet.v1.GreetService/Converse
	// /greet.v1.GreetService/Greet
	// /greet.v1.GreetService/Watch
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
