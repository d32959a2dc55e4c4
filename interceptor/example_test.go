package interceptor_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/revocation"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

func ExampleNew() {
	v, err := verifier.New(verifier.Config{
		Issuer:    "https://issuer.example/",
		Audiences: []string{"https://api.example"},
	})
	if err != nil {
		log.Fatal(err)
	}
	auth, err := interceptor.New(v,
		interceptor.WithRealm("orders"),
		interceptor.WithPolicy(interceptor.Policy{
			interceptor.HealthCheck:          {Access: interceptor.AccessPublic},
			interceptor.HealthList:           {Access: interceptor.AccessPublic},
			interceptor.HealthWatch:          {Access: interceptor.AccessPublic},
			"/orders.v1.OrderService/Prices": {Access: interceptor.AccessPublic},
			"/orders.v1.OrderService/Offers": {Access: interceptor.AccessOptional},
			"/orders.v1.OrderService/List": {
				Require: verifier.Requirement{AnyScopes: []string{"orders:read", "orders:write"}},
			},
			"/orders.v1.OrderService/Create": {
				Require: verifier.Requirement{Scopes: []string{"orders:write"}},
			},
			"/orders.v1.OrderService/Delete": {
				Require: verifier.Requirement{
					Scopes:    []string{"orders:write"},
					ACRValues: []string{"mfa"},
					MaxAge:    5 * time.Minute,
				},
			},
			"/*": {Access: interceptor.AccessDenied},
		}),
	)
	if err != nil {
		log.Fatal(err)
	}
	_, refusal := auth.Authenticate(context.Background(), interceptor.Call{Procedure: "/orders.v1.OrderService/Delete"})
	fmt.Println(refusal.Code, refusal.Challenge)
	// Output: unauthenticated Bearer realm="orders"
}

func ExampleWithRevocations() {
	list, err := revocation.New(revocation.Config{})
	if err != nil {
		log.Fatal(err)
	}
	issuer := verifiertest.NewIssuer()
	v, err := verifier.New(issuer.Config())
	if err != nil {
		log.Fatal(err)
	}
	auth, err := interceptor.New(v, interceptor.WithRevocations(list))
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	call := interceptor.Call{
		Procedure:     "/orders.v1.OrderService/List",
		Authorization: []string{"Bearer " + issuer.Token(map[string]any{"sub": "alice"})},
	}

	err = list.Revoke(ctx, revocation.Event{Issuer: issuer.URL(), Subject: "alice"})
	if err != nil {
		log.Print(err) // it may not be known everywhere
	}

	_, refusal := auth.Authenticate(ctx, call)
	fmt.Println(refusal.Code, refusal.Message)
	// Output: unauthenticated the token was revoked
}

func ExampleClaimsFromContext() {
	handler := func(ctx context.Context) string {
		claims, ok := interceptor.ClaimsFromContext(ctx)
		if !ok {
			return "hello, whoever you are"
		}
		return "hello, " + claims.Subject()
	}

	ctx := interceptor.ContextWithClaims(context.Background(),
		verifiertest.Claims(map[string]any{"sub": "alice"}))
	fmt.Println(handler(ctx))
	fmt.Println(handler(context.Background()))
	// Output:
	// hello, alice
	// hello, whoever you are
}

func ExamplePolicy() {
	issuer := verifiertest.NewIssuer()
	v, err := verifier.New(issuer.Config())
	if err != nil {
		log.Fatal(err)
	}
	auth, err := interceptor.New(v, interceptor.WithPolicy(interceptor.Policy{
		"/orders.v1.OrderService/*": {Require: verifier.Requirement{Scopes: []string{"orders"}}},
		// Replaces the rule above, for this procedure.
		"/orders.v1.OrderService/Delete": {
			Require: verifier.Requirement{Scopes: []string{"orders", "orders:write"}},
			Allow: func(_ context.Context, claims *verifier.Claims) error {
				if claims.ClientID() == "batch" {
					return errors.New("batch jobs delete nothing")
				}
				return nil
			},
		},
	}))
	if err != nil {
		log.Fatal(err)
	}
	call := func(method string, claims map[string]any) {
		_, refusal := auth.Authenticate(context.Background(), interceptor.Call{
			Procedure:     "/orders.v1.OrderService/" + method,
			Authorization: []string{"Bearer " + issuer.Token(claims)},
		})
		if refusal != nil {
			fmt.Println(method, refusal.Code, "-", refusal.Message)
			return
		}
		fmt.Println(method, "ok")
	}
	call("List", map[string]any{"scope": "orders"})
	call("Delete", map[string]any{"scope": "orders"})
	call("Delete", map[string]any{"scope": "orders orders:write", "client_id": "shop"})
	call("Delete", map[string]any{"scope": "orders orders:write", "client_id": "batch"})
	// Output:
	// List ok
	// Delete permission_denied - the token lacks a required scope
	// Delete ok
	// Delete permission_denied - the call is not allowed
}

func ExampleAuthenticator_CheckPolicy() {
	auth, err := interceptor.New(exampleVerifier(), interceptor.WithPolicy(interceptor.Policy{
		"/orders.v1.OrderService/List":   {},
		"/orders.v1.OrderService/Crate":  {},
		"/orders.v1.OrderService/Delete": {},
	}))
	if err != nil {
		log.Fatal(err)
	}
	// Packages grpcauth and connectauth list the procedures of a server.
	procedures := []string{"/orders.v1.OrderService/List", "/orders.v1.OrderService/Create", "/orders.v1.OrderService/Delete"}
	fmt.Println(auth.CheckPolicy(procedures))
	// Output:
	// interceptor: Policy has no rule "/orders.v1.OrderService/Create"
	// interceptor: Policy["/orders.v1.OrderService/Crate"] matches no procedure
}

func ExampleAuthenticator_EffectivePolicy() {
	auth, err := interceptor.New(exampleVerifier(), interceptor.WithPolicy(interceptor.Policy{
		interceptor.HealthCheck:        {Access: interceptor.AccessPublic},
		"/orders.v1.OrderService/List": {Require: verifier.Requirement{Scopes: []string{"orders:read"}}},
		"/*":                           {Access: interceptor.AccessDenied},
	}))
	if err != nil {
		log.Fatal(err)
	}
	// Packages grpcauth and connectauth list the procedures of a server.
	procedures := []string{interceptor.HealthCheck, "/orders.v1.OrderService/List", "/orders.v1.OrderService/Purge"}
	fmt.Print(auth.EffectivePolicy(procedures))
	// Output:
	// /grpc.health.v1.Health/Check   everyone                        /grpc.health.v1.Health/Check
	// /orders.v1.OrderService/List   a token with scope orders:read  /orders.v1.OrderService/List
	// /orders.v1.OrderService/Purge  no one                          /*
}

func ExampleWithResourceMetadata() {
	v := exampleVerifier()
	auth, err := interceptor.New(v, interceptor.WithResourceMetadata(interceptor.ResourceMetadata{
		Resource:             "https://api.example",
		AuthorizationServers: []string{"https://issuer.example/"},
		Scopes:               []string{"orders:read", "orders:write"},
	}))
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle(auth.ResourceMetadata())

	_, refusal := auth.Authenticate(context.Background(), interceptor.Call{Procedure: "/orders.v1.OrderService/List"})
	fmt.Println(refusal.Challenge)
	res := httptest.NewRecorder()
	mux.ServeHTTP(res, httptest.NewRequest(http.MethodGet, "/.well-known/oauth-protected-resource", nil))
	fmt.Println(res.Code)
	// Output:
	// Bearer realm="api", resource_metadata="https://api.example/.well-known/oauth-protected-resource"
	// 200
}

func exampleVerifier() *verifier.Verifier {
	v, err := verifier.New(verifiertest.NewIssuer().Config())
	if err != nil {
		log.Fatal(err)
	}
	return v
}

func ExampleWithObserver() {
	v := exampleVerifier()
	auth, err := interceptor.New(v, interceptor.WithObserver(func(_ context.Context, d interceptor.Decision) {
		fmt.Println(d.Procedure, d.Code, verifier.CodeOf(d.Err))
	}))
	if err != nil {
		log.Fatal(err)
	}
	_, _ = auth.Authenticate(context.Background(), interceptor.Call{Procedure: "/orders.v1.OrderService/List"})
	// Output: /orders.v1.OrderService/List unauthenticated missing_token
}

func ExampleWithoutStreamExpiry() {
	auth, err := interceptor.New(exampleVerifier(), interceptor.WithoutStreamExpiry())
	if err != nil {
		log.Fatal(err)
	}
	// A dashboard's stream now stays open after its token has expired.
	_, refusal := auth.AuthenticateStream(context.Background(), interceptor.Call{Procedure: "/metrics.v1.Dashboard/Watch"}, nil)
	fmt.Println(refusal.Code)
	// Output: unauthenticated
}
