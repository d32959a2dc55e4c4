package examples_test

import (
	"cmp"
	"context"
	"errors"
	"expvar"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	"github.com/oidcrpc/oidcrpc/connectauth"
	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connect"
	"github.com/oidcrpc/oidcrpc/grpcauth"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/kubernetes"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// README.md: who is calling.
func Example_caller() {
	greet := func(ctx context.Context) string {
		claims, ok := interceptor.ClaimsFromContext(ctx)
		if !ok {
			return "Hello, stranger!"
		}
		return "Hello, " + claims.Subject() + "!"
	}

	fmt.Println(greet(asAlice()))
	fmt.Println(greet(context.Background()))
	// Output:
	// Hello, alice!
	// Hello, stranger!
}

// README.md: who may call what.
func Example_policy() {
	v := newVerifier()
	auth, err := interceptor.New(v, interceptor.WithPolicy(interceptor.Policy{
		interceptor.HealthCheck:          {Access: interceptor.AccessPublic},
		"/orders.v1.OrderService/Prices": {Access: interceptor.AccessPublic},
		"/orders.v1.OrderService/List":   {Require: verifier.Requirement{Scopes: []string{"orders:read"}}},
		"/orders.v1.OrderService/Create": {Require: verifier.Requirement{Scopes: []string{"orders:write"}}},
		"/*":                             {Access: interceptor.AccessDenied},
	}))
	fmt.Println(auth.CheckPolicy([]string{
		"/orders.v1.OrderService/Prices", "/orders.v1.OrderService/List", "/orders.v1.OrderService/Create",
		interceptor.HealthCheck,
	}), err)
	// Output: <nil> <nil>
}

// docs/policy.md: a rule in Go.
func Example_allow() {
	policy := interceptor.Policy{
		"/orders.v1.OrderService/Delete": {
			Require: verifier.Requirement{Scopes: []string{"orders:write"}},
			Allow: func(_ context.Context, claims *verifier.Claims) error {
				if claims.ClientID() == "nightly" {
					return errors.New("the nightly job deletes nothing")
				}
				return nil
			},
		},
	}

	rule := policy["/orders.v1.OrderService/Delete"]
	for _, client := range []string{"shop", "nightly"} {
		claims := verifiertest.Claims(map[string]any{"client_id": client})
		fmt.Println(rule.Allow(context.Background(), claims))
	}
	// Output:
	// <nil>
	// the nightly job deletes nothing
}

// docs/policy.md: a handler asks for something specific.
func Example_refuse() {
	buy := func(ctx context.Context, claims *verifier.Claims) (*greetv1.GreetResponse, error) {
		large := verifier.Requirement{ACRValues: []string{"mfa"}, MaxAge: 5 * time.Minute}
		if err := large.Check(claims); err != nil {
			return nil, grpcauth.Refuse(ctx, err)
		}
		return &greetv1.GreetResponse{}, nil
	}

	ctx := asAlice()
	claims, _ := interceptor.ClaimsFromContext(ctx)
	_, err := buy(ctx, claims)
	fmt.Println(status.Code(err))
	// Output: Unauthenticated
}

type tenant struct{ audience string }

type tenantTable map[string]tenant

func (t tenantTable) find(ctx context.Context, issuer string) (tenant, bool, error) {
	found, ok := t[issuer]
	return found, ok, ctx.Err()
}

// docs/issuers.md: tenants.
func Example_tenants() {
	tenants := tenantTable{"https://tenant.example": {audience: "orders"}}
	v, err := verifier.NewDynamic(verifier.DynamicConfig{
		Resolve: func(ctx context.Context, issuer string) (verifier.Config, error) {
			tenant, ok, err := tenants.find(ctx, issuer)
			if err != nil {
				return verifier.Config{}, err // Unavailable: the caller tries again
			}
			if !ok {
				return verifier.Config{}, verifier.ErrUnknownIssuer // refused
			}
			return verifier.Config{Issuer: issuer, Audiences: []string{tenant.audience}}, nil
		},
		Capacity: 1000, // tenants to keep, the ones used last
	})
	if err != nil {
		log.Fatal(err)
	}
	_, err = v.Verify(context.Background(), verifiertest.NewIssuer().Token(nil))
	fmt.Println(verifier.CodeOf(err))
	// Output: invalid_issuer
}

// docs/operating.md: probes.
type prober interface {
	Ready(ctx context.Context) error
	Status() []verifier.Status
}

func readyz(v prober) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := v.Ready(r.Context()); err != nil {
			log.Print(err)
			http.Error(w, "no keys to verify tokens with", http.StatusServiceUnavailable)
		}
	}
}

func statusz(v prober) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for _, s := range v.Status() {
			fmt.Fprintf(w, "%s: usable %t, %d keys since %v, %d failures, next fetch %v %s\n",
				s.Issuer, s.Usable, s.Keys, s.KeysSince, s.Failures, s.NextRefresh, s.LastError)
		}
	}
}

// docs/operating.md: metrics.
func Example_operating() {
	fetches, decisions := new(expvar.Map), new(expvar.Map)
	config := verifiertest.NewIssuer().Config()
	config.OnFetch = func(e verifier.FetchEvent) {
		fetches.Add(string(e.Outcome), 1)
		if err := cmp.Or(e.Err, e.Warning); err != nil {
			log.Printf("keys of %s: %v", e.Issuer, err)
		}
	}
	v, err := verifier.New(config)
	if err != nil {
		log.Fatal(err)
	}
	auth, err := interceptor.New(v, interceptor.WithObserver(func(_ context.Context, d interceptor.Decision) {
		decisions.Add(d.Stage.String()+" "+d.Code.String(), 1)
		if d.Err != nil {
			slog.Debug("refused", "procedure", d.Procedure, "reason", verifier.CodeOf(d.Err), "error", d.Err)
		}
	}))
	if err != nil {
		log.Fatal(err)
	}

	probe := httptest.NewRecorder()
	readyz(v)(probe, httptest.NewRequest(http.MethodGet, "/readyz", nil))
	page := httptest.NewRecorder()
	statusz(v)(page, httptest.NewRequest(http.MethodGet, "/statusz", nil))
	keys, _, _ := strings.Cut(page.Body.String(), " since")
	_, _ = auth.Authenticate(context.Background(), interceptor.Call{Procedure: "/greet.v1.GreetService/Greet"})
	fmt.Println(probe.Code, keys)
	fmt.Println(decisions) // and no fetches, since nothing waits for OnFetch
	// Output:
	// 200 https://issuer.test: usable true, 1 keys
	// {"start unauthenticated": 1}
}

// docs/deployment.md: what stands around a server.
func newServer(auth *interceptor.Authenticator, mux *http.ServeMux) *http.Server {
	handler := connectauth.NewMiddleware(auth, connectauth.WithSkip(func(r *http.Request) bool {
		return strings.HasPrefix(r.URL.Path, "/static/")
	})).Wrap(mux)
	srv := &http.Server{
		Addr:              ":8080",
		Handler:           handler,
		Protocols:         new(http.Protocols),
		ReadHeaderTimeout: 10 * time.Second,
	}
	srv.Protocols.SetHTTP1(true)
	srv.Protocols.SetUnencryptedHTTP2(true) // gRPC without TLS, behind a proxy
	return srv
}

// docs/deployment.md: what a call may cost on connect-go.
func Example_deployment() {
	auth, err := interceptor.New(newVerifier())
	if err != nil {
		log.Fatal(err)
	}
	service := greetv1connect.UnimplementedGreetServiceHandler{}
	mux := http.NewServeMux()
	mux.Handle(greetv1connect.NewGreetServiceHandler(
		service,
		connect.WithInterceptors(connectauth.NewInterceptor(auth)),
		connect.WithReadMaxBytes(64<<10),
	))
	srv := newServer(auth, mux)

	for _, path := range []string{"/greet.v1.GreetService/Greet", "/static/logo.svg"} {
		res := httptest.NewRecorder()
		srv.Handler.ServeHTTP(res, httptest.NewRequest(http.MethodPost, path, nil))
		fmt.Println(res.Code, path)
	}
	// Output:
	// 401 /greet.v1.GreetService/Greet
	// 404 /static/logo.svg
}

// README.md: a server of connect-go v1, in a sentence.
func Example_connectV1() {
	auth, err := interceptor.New(newVerifier())
	if err != nil {
		log.Fatal(err)
	}
	service := greetv1connect.UnimplementedGreetServiceHandler{}
	mux := http.NewServeMux()
	mux.Handle(greetv1connect.NewGreetServiceHandler(service, connect.WithInterceptors(connectauth.NewInterceptor(auth))))

	res := httptest.NewRecorder()
	mux.ServeHTTP(res, httptest.NewRequest(http.MethodPost, "/greet.v1.GreetService/Greet", nil))
	fmt.Println(res.Code)
	// Output: 415
}

// docs/deployment.md: what a call may cost on grpc-go, and how to stop.
func Example_messageSize() {
	auth, err := interceptor.New(newVerifier())
	if err != nil {
		log.Fatal(err)
	}
	srv := grpc.NewServer(append(grpcauth.ServerOptions(auth), grpc.MaxRecvMsgSize(64<<10))...)
	fmt.Println(len(srv.GetServiceInfo()), "services")

	timer := time.AfterFunc(10*time.Second, srv.Stop)
	srv.GracefulStop()
	timer.Stop()
	// Output: 0 services
}

func newVerifier() *verifier.Verifier {
	v, err := verifier.New(verifiertest.NewIssuer().Config())
	if err != nil {
		log.Fatal(err)
	}
	return v
}

func asAlice() context.Context {
	return interceptor.ContextWithClaims(context.Background(),
		verifiertest.Claims(map[string]any{"sub": "alice"}))
}

// docs/issuers.md: keys from a file.
func Example_keyFile() {
	config :=
		verifier.Config{
			Issuer:    "https://issuer.internal", // as tokens spell it; it isn't contacted
			JWKSFile:  "/etc/issuer/jwks.json",
			Audiences: []string{"orders"},
		}
	_, err := verifier.New(config)
	fmt.Println(err)
	// Output: <nil>
}

// docs/issuers.md: Kubernetes. It isn't run, since it needs a cluster.
func Example_inCluster() { //nolint:testableexamples // as said
	config, err := kubernetes.InCluster("orders") // this service's audience
	if err != nil {
		log.Fatal(err)
	}
	config.Require.Permissions = []string{"shop"} // the callers' namespace
	v, err := verifier.New(config)
	fmt.Println(v, err)
}

// docs/issuers.md: containers.
func Example_containers() {
	config :=
		verifier.Config{
			Issuer:    "http://localhost:8080/realms/shop",
			JWKSURL:   "http://keycloak:8080/realms/shop/protocol/openid-connect/certs",
			AllowHTTP: true, // for development only
			Audiences: []string{"orders"},
		}
	_, err := verifier.New(config)
	fmt.Println(err)
	// Output: <nil>
}
