package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	connectv1 "connectrpc.com/connect"
	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"connectrpc.com/otelconnect"
	"connectrpc.com/validate"
	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/logging"
	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/recovery"
	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"google.golang.org/grpc"

	connectauthv1 "github.com/oidcrpc/oidcrpc/connectauth"
	connectauth "github.com/oidcrpc/oidcrpc/connectauth/v2"
	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connect"
	greetv1connectv2 "github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connectv2"
	"github.com/oidcrpc/oidcrpc/grpcauth"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

var errDown = errors.New("down")

// orders returns all orders of some things.
func orders[T any](things ...T) (all [][]T) {
	if len(things) == 0 {
		return [][]T{nil}
	}
	for i, first := range things {
		rest := slices.Delete(slices.Clone(things), i, i+1)
		for _, order := range orders(rest...) {
			all = append(all, append([]T{first}, order...))
		}
	}
	return all
}

// A caller makes a call, and gets a status.
type caller struct {
	name, token string
	long        bool // its message breaks a rule of validation
	want        int
}

// authenticators returns one whose issuer works and one whose issuer is down, and callers for both.
func authenticators(t *testing.T) map[*interceptor.Authenticator][]caller {
	t.Helper()
	found := make(map[*interceptor.Authenticator][]caller)
	issuer := verifiertest.NewIssuer()
	good := issuer.Token(map[string]any{"scope": "greet:read"})
	for _, isDown := range []bool{false, true} {
		from := issuer
		if isDown {
			from = verifiertest.NewIssuer()
			from.Fail(errDown)
		}
		v, err := verifier.New(from.Config())
		if err != nil {
			t.Fatal(err)
		}
		auth, err := interceptor.New(v, interceptor.WithPolicy(policy))
		if err != nil {
			t.Fatal(err)
		}
		found[auth] = []caller{
			{"no token", "", false, 401},
			{"a bad token", "made-up", false, 401},
			{"no token and a long name", "", true, 401},
			{"a good token", good, false, 503},
			{"a good token and a long name", good, true, 503},
		}
		if !isDown {
			found[auth] = append(found[auth][:3],
				caller{"a missing scope", issuer.Token(nil), false, 403},
				caller{"a missing scope and a long name", issuer.Token(nil), true, 403},
				caller{"a good token", good, false, 200},
				caller{"a good token and a long name", good, true, 400},
			)
		}
	}
	return found
}

func (c caller) request() *greetv1.GreetRequest {
	name := "Bo"
	if c.long {
		name = strings.Repeat("Bo", 100)
	}
	return &greetv1.GreetRequest{Name: name}
}

type countingGRPC struct {
	grpcGreeter

	handled atomic.Int64
}

func (g *countingGRPC) Collect(grpc.ClientStreamingServer[greetv1.CollectRequest, greetv1.CollectResponse]) error {
	panic("a stream was admitted")
}

func (g *countingGRPC) Greet(ctx context.Context, req *greetv1.GreetRequest) (*greetv1.GreetResponse, error) {
	g.handled.Add(1)
	return g.grpcGreeter.Greet(ctx, req)
}

// serveGRPC starts a server and returns its address.
func serveGRPC(t *testing.T, server *grpc.Server) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() { ended <- server.Serve(listener) }()
	t.Cleanup(func() { server.Stop(); <-ended })
	return listener.Addr().String()
}

func TestGRPCInterceptorsDecideAlikeInEveryOrder(t *testing.T) {
	nothing := logging.LoggerFunc(func(context.Context, logging.Level, string, ...any) {})
	for auth, callers := range authenticators(t) {
		for _, order := range orders("logging", "recovery", "auth") {
			parts := map[string][]grpc.ServerOption{
				"logging": {
					grpc.ChainUnaryInterceptor(logging.UnaryServerInterceptor(nothing)),
					grpc.ChainStreamInterceptor(logging.StreamServerInterceptor(nothing)),
				},
				"recovery": {
					grpc.ChainUnaryInterceptor(recovery.UnaryServerInterceptor()),
					grpc.ChainStreamInterceptor(recovery.StreamServerInterceptor()),
				},
				"auth": grpcauth.ServerOptions(auth),
			}
			options := []grpc.ServerOption{grpc.StatsHandler(otelgrpc.NewServerHandler())}
			for _, name := range order {
				options = append(options, parts[name]...)
			}
			greeter := &countingGRPC{}
			server := grpc.NewServer(options...)
			greetv1.RegisterGreetServiceServer(server, greeter)
			addr := serveGRPC(t, server)
			for _, c := range callers {
				want := c.want
				if want == 400 {
					want = 200 // nothing validates here
				}
				name := strings.Join(order, ", ") + ": " + c.name
				client := greetv1.NewGreetServiceClient(dialTest(t, addr))
				_, err := client.Greet(withToken(timely(t), c.token), c.request())
				check(t, name, answerOf(err, "", nil, nil).status, want, &greeter.handled)
				stream, err := client.Collect(withToken(timely(t), c.token))
				if err != nil {
					t.Fatal(err)
				}
				_, err = stream.CloseAndRecv()
				if want == 200 {
					want = 403 // it asks for another scope
				}
				if got := answerOf(err, "", nil, nil).status; got != want {
					t.Errorf("%s: status of a stream = %d, want %d", name, got, want)
				}
				greeter.handled.Store(0)
			}
		}
	}
}

// check holds an answer against what's wanted, and asks whether the handler has run.
func check(t *testing.T, name string, got, want int, handled *atomic.Int64) {
	t.Helper()
	if got != want {
		t.Errorf("%s: status = %d, want %d", name, got, want)
	}
	if ran := handled.Swap(0) != 0; ran != (want == 200) {
		t.Errorf("%s: the handler has run: %t", name, ran)
	}
}

type countingConnect struct {
	connectGreeter

	handled atomic.Int64
}

func (g *countingConnect) Greet(ctx context.Context, req *greetv1.GreetRequest) (*greetv1.GreetResponse, error) {
	g.handled.Add(1)
	return g.connectGreeter.Greet(ctx, req)
}

// In v2 a message is validated when it's received, which is after the decision in every order.
func TestConnectInterceptorsDecideAlikeInEveryOrder(t *testing.T) {
	telemetry, err := otelconnect.NewServerInterceptor()
	if err != nil {
		t.Fatal(err)
	}
	for auth, callers := range authenticators(t) {
		parts := map[string]connect.ServerInterceptor{
			"otelconnect": telemetry,
			"auth":        connectauth.NewServerInterceptor(auth),
			"validate":    validate.NewServerInterceptor(validate.WithValidator(names{})),
		}
		for _, order := range orders("otelconnect", "auth", "validate") {
			var chain []connect.ServerInterceptor
			for _, name := range order {
				chain = append(chain, parts[name])
			}
			greeter := &countingConnect{}
			server := connect.NewServer(chain...)
			greetv1connectv2.RegisterGreetServiceHandler(server, greeter)
			mux := http.NewServeMux()
			connecthttp.Mount(mux, server)
			checkConnect(t, order, mux, callers, &greeter.handled)
		}
	}
}

type countingConnectV1 struct {
	greetv1connect.UnimplementedGreetServiceHandler

	handled atomic.Int64
}

func (g *countingConnectV1) Greet(
	ctx context.Context, req *connectv1.Request[greetv1.GreetRequest],
) (*connectv1.Response[greetv1.GreetResponse], error) {
	g.handled.Add(1)
	return connectv1.NewResponse(&greetv1.GreetResponse{Greeting: greeting(ctx, req.Msg.GetName())}), nil
}

// In v1 a message is validated where the interceptor stands. In front of ours it tells strangers
// what's wrong with their message, so it belongs behind. Even there it admits none of them.
func TestConnectV1InterceptorsAdmitAlikeInEveryOrder(t *testing.T) {
	telemetry, err := otelconnect.NewInterceptor()
	if err != nil {
		t.Fatal(err)
	}
	for auth, callers := range authenticators(t) {
		parts := map[string]connectv1.Interceptor{
			"otelconnect": telemetry,
			"auth":        connectauthv1.NewInterceptor(auth),
			"validate":    validate.NewInterceptor(validate.WithValidator(names{})),
		}
		for _, order := range orders("otelconnect", "auth", "validate") {
			expected := slices.Clone(callers)
			if slices.Index(order, "validate") < slices.Index(order, "auth") {
				for i := range expected {
					if expected[i].long {
						expected[i].want = http.StatusBadRequest
					}
				}
			}
			var chain []connectv1.Interceptor
			for _, name := range order {
				chain = append(chain, parts[name])
			}
			for _, withMiddleware := range []bool{false, true} {
				greeter := &countingConnectV1{}
				mux := http.NewServeMux()
				mux.Handle(greetv1connect.NewGreetServiceHandler(greeter, connectv1.WithInterceptors(chain...)))
				if withMiddleware { // which is in front of all of them
					checkConnect(t, order, connectauthv1.NewMiddleware(auth).Wrap(mux), callers, &greeter.handled)
				} else {
					checkConnect(t, order, mux, expected, &greeter.handled)
				}
			}
		}
	}
}

func checkConnect(t *testing.T, order []string, handler http.Handler, callers []caller, handled *atomic.Int64) {
	t.Helper()
	server := httptest.NewServer(handler)
	defer server.Close()
	for _, c := range callers {
		req, err := http.NewRequestWithContext(timely(t), http.MethodPost, server.URL+"/greet.v1.GreetService/Greet",
			strings.NewReader(`{"name":"`+c.request().GetName()+`"}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		if c.token != "" {
			req.Header.Set("Authorization", "Bearer "+c.token)
		}
		res, err := server.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		check(t, strings.Join(order, ", ")+": "+c.name, res.StatusCode, c.want, handled)
	}
}
