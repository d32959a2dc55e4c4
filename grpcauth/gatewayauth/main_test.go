package gatewayauth_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/grpcauth"
	greetgw "github.com/oidcrpc/oidcrpc/grpcauth/gatewayauth/internal/greet/v1"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// greeter is the service. It refuses to greet the mayor.
type greeter struct {
	greetv1.UnimplementedGreetServiceServer
}

func (greeter) Greet(ctx context.Context, req *greetv1.GreetRequest) (*greetv1.GreetResponse, error) {
	switch req.GetName() {
	case "mayor":
		return nil, grpcauth.Refuse(ctx, errors.New("secret"))
	case "nobody":
		return nil, status.Error(codes.NotFound, "nobody is there")
	case "guest":
		return nil, status.Error(codes.Unauthenticated, "guests are not known")
	default:
		return &greetv1.GreetResponse{Greeting: "hello " + req.GetName()}, nil
	}
}

func (greeter) Watch(req *greetv1.WatchRequest, stream grpc.ServerStreamingServer[greetv1.WatchResponse]) error {
	if err := stream.Send(&greetv1.WatchResponse{Greeting: "hello " + req.GetName()}); err != nil {
		return err
	}
	if req.GetName() == "mayor" {
		return grpcauth.Refuse(stream.Context(), errors.New("secret"))
	}
	return nil
}

func (greeter) Collect(stream grpc.ClientStreamingServer[greetv1.CollectRequest, greetv1.CollectResponse]) error {
	res := new(greetv1.CollectResponse)
	for {
		req, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return stream.SendAndClose(res)
		}
		if err != nil {
			return err
		}
		res.Names = append(res.Names, req.GetName())
	}
}

// tokens is a TokenVerifier that knows some by name.
type tokens struct{}

func (tokens) Verify(_ context.Context, token string) (*verifier.Claims, error) {
	switch token {
	case "good":
		return verifiertest.Claims(map[string]any{"scope": "greet"}), nil
	case "narrow":
		return verifiertest.Claims(nil), nil
	case "down":
		return nil, &verifier.KeysError{Code: verifier.CodeJWKSFetchFailed, RetryAfter: 1500 * time.Millisecond}
	default:
		return nil, &verifier.AuthError{Code: verifier.CodeTokenExpired, Message: "the token has expired"}
	}
}

func newAuth(t *testing.T, options ...interceptor.Option) *interceptor.Authenticator {
	t.Helper()
	auth, err := interceptor.New(tokens{}, append(options, interceptor.WithPolicy(interceptor.Policy{
		"/greet.v1.GreetService/*": {Require: verifier.Requirement{Scopes: []string{"greet"}}},
	}))...)
	if err != nil {
		t.Fatal(err)
	}
	return auth
}

// dial serves the service over a socket, and returns a connection to it.
func dial(t *testing.T, options ...grpc.ServerOption) *grpc.ClientConn {
	t.Helper()
	server := grpc.NewServer(options...)
	greetv1.RegisterGreetServiceServer(server, greeter{})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// serve serves a gateway to the service over a socket.
func serve(t *testing.T, conn *grpc.ClientConn, options ...runtime.ServeMuxOption) *httptest.Server {
	t.Helper()
	mux := runtime.NewServeMux(options...)
	if err := greetgw.RegisterGreetServiceHandler(t.Context(), mux, conn); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

// An answer is what an HTTP client got.
type answer struct {
	status     int
	challenge  []string
	retryAfter string
	body       string
}

// call makes a request of a method that a path stands for, with each token in a field.
func call(t *testing.T, server *httptest.Server, path string, tokens ...string) answer {
	t.Helper()
	method, body := http.MethodGet, ""
	if strings.HasSuffix(path, ":collect") {
		method, body = http.MethodPost, `{"name":"ann"} {"name":"bob"}`
	}
	req, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, token := range tokens {
		req.Header.Add("Authorization", "Bearer "+token)
	}
	res, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header.Values("WWW-Authenticate"), res.Header.Get("Retry-After"), string(text)}
}
