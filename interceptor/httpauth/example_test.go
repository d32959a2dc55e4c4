package httpauth_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/interceptor/httpauth"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

func ExampleMiddleware() {
	issuer := verifiertest.NewIssuer() // stands in for yours
	v, err := verifier.New(issuer.Config())
	if err != nil {
		panic(err)
	}
	auth, err := interceptor.New(v, interceptor.WithPolicy(interceptor.Policy{
		"/orders.http/List": {Require: verifier.Requirement{Scopes: []string{"orders:read"}}},
	}))
	if err != nil {
		panic(err)
	}

	mux := http.NewServeMux()
	list := httpauth.Middleware(auth, "/orders.http/List")
	mux.Handle("GET /orders", list(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		claims, _ := interceptor.ClaimsFromContext(r.Context())
		fmt.Fprintln(w, "the orders of", claims.Subject())
	})))

	for _, token := range []string{issuer.Token(nil), issuer.Token(map[string]any{"scope": "orders:read"})} {
		r := httptest.NewRequest(http.MethodGet, "/orders", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		fmt.Println(w.Code, w.Header().Get("WWW-Authenticate"), w.Body)
	}
	// Output:
	// 403 Bearer realm="api", error="insufficient_scope", scope="orders:read" {"title":"Forbidden","status":403,"detail":"the token lacks a required scope","reason":"INSUFFICIENT_SCOPE"}
	// 200  the orders of user
}

func ExampleRefuse() {
	handler := func(w http.ResponseWriter, r *http.Request) {
		if claims, ok := interceptor.ClaimsFromContext(r.Context()); !ok || claims.Subject() != "alice" {
			httpauth.Refuse(w, r, errors.New("the order is another customer's"))
			return
		}
		fmt.Fprint(w, "the order")
	}
	for _, subject := range []string{"alice", "bob"} {
		claims := verifiertest.Claims(map[string]any{"sub": subject})
		r := httptest.NewRequest(http.MethodGet, "/orders/1", nil)
		w := httptest.NewRecorder()
		handler(w, r.WithContext(interceptor.ContextWithClaims(r.Context(), claims)))
		fmt.Println(w.Code, w.Body)
	}
	// Output:
	// 200 the order
	// 403 {"title":"Forbidden","status":403,"detail":"the call is not allowed","reason":"INSUFFICIENT_PERMISSIONS"}
}

// A page's CORS handling may stand inside, where it sees the preflights.
func ExampleWithPreflights() {
	v, err := verifier.New(verifiertest.NewIssuer().Config())
	if err != nil {
		panic(err)
	}
	auth, err := interceptor.New(v)
	if err != nil {
		panic(err)
	}
	cors := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "https://page.example")
	})
	server := httptest.NewServer(httpauth.Middleware(auth, "/orders.http/List", httpauth.WithPreflights())(cors))
	defer server.Close()
	for _, method := range []string{http.MethodOptions, http.MethodGet} {
		r, err := http.NewRequest(method, server.URL, nil)
		if err != nil {
			panic(err)
		}
		r.Header.Set("Origin", "https://page.example")
		r.Header.Set("Access-Control-Request-Method", http.MethodGet)
		res, err := server.Client().Do(r)
		if err != nil {
			panic(err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		fmt.Println(method, res.Status)
	}
	// Output:
	// OPTIONS 200 OK
	// GET 401 Unauthorized
}
