package e2e_test

import (
	"context"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"
	connectv2 "connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/oidcrpc/oidcrpc/connectauth"
	connectauthv2 "github.com/oidcrpc/oidcrpc/connectauth/v2"
	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connect"
	"github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connectv2"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

type proxiedServer struct {
	name      string
	serve     func(auth, open *interceptor.Authenticator) http.Handler
	isSafe    bool // no refusal is lost
	isRetried bool // clients make all their attempts
}

// Refused calls go through nginx and HAProxy to each of these. The figures in
// docs/deployment.md come from here. To repeat them, install both, and set
// OIDCRPC_PROXIES=1.
var proxied = []proxiedServer{
	{"v1, interceptor", func(auth, _ *interceptor.Authenticator) http.Handler { return newConnectV1(auth) }, false, false},
	{"v1, middleware", func(auth, _ *interceptor.Authenticator) http.Handler {
		return connectauth.NewMiddleware(auth).Wrap(newConnectV1(auth))
	}, true, true},
	{"v1, interceptor behind middleware", func(auth, open *interceptor.Authenticator) http.Handler {
		return connectauth.NewMiddleware(open).Wrap(newConnectV1(auth))
	}, true, false},
	{"v2, interceptor", func(auth, _ *interceptor.Authenticator) http.Handler { return newConnectV2(auth) }, false, false},
	{"v2, middleware", func(auth, _ *interceptor.Authenticator) http.Handler {
		return connectauthv2.NewMiddleware(auth).Wrap(newConnectV2(auth))
	}, true, true},
	{"v2, interceptor behind middleware", func(auth, open *interceptor.Authenticator) http.Handler {
		return connectauthv2.NewMiddleware(open).Wrap(newConnectV2(auth))
	}, true, false},
}

func newConnectV1(auth *interceptor.Authenticator) http.Handler {
	_, handler := greetv1connect.NewGreetServiceHandler(
		greetv1connect.UnimplementedGreetServiceHandler{}, connect.WithInterceptors(connectauth.NewInterceptor(auth)))
	return handler
}

func newConnectV2(auth *interceptor.Authenticator) http.Handler {
	server := connectv2.NewServer(connectauthv2.NewServerInterceptor(auth))
	greetv1connectv2.RegisterGreetServiceHandler(server, greetv1connectv2.UnimplementedGreetServiceHandler{})
	mux := http.NewServeMux()
	connecthttp.Mount(mux, server)
	return mux
}

func TestProxiesLoseNoRefusalBehindTheMiddleware(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	token := issuer.Token(map[string]any{"exp": time.Now().Add(-time.Hour).Unix()})
	auth := newRESTAuthenticator(t, issuer)
	behindProxies(t, auth, func(t *testing.T, p proxiedServer, client greetv1.GreetServiceClient) {
		for kind, call := range kinds {
			lost := countLost(t, client, call, token)
			t.Logf("%s: %d of %d refusals were lost", kind, lost, refusedCalls)
			if p.isSafe && lost > 0 {
				t.Errorf("%s: want none lost", kind)
			}
		}
	})
}

// A down verifier has no keys.
type down struct{}

func (down) Verify(context.Context, string) (*verifier.Claims, error) {
	return nil, &verifier.KeysError{Code: verifier.CodeJWKSFetchFailed, RetryAfter: time.Millisecond}
}

func TestProxiesLetClientsRetryAnOutage(t *testing.T) {
	var attempts atomic.Int64
	auth, err := interceptor.New(down{}, interceptor.WithObserver(func(context.Context, interceptor.Decision) {
		attempts.Add(1)
	}))
	if err != nil {
		t.Fatal(err)
	}
	behindProxies(t, auth, func(t *testing.T, p proxiedServer, client greetv1.GreetServiceClient) {
		for kind, call := range kinds {
			attempts.Store(0)
			err := call(authorized(t.Context(), "token"), client)
			want := int64(1)
			if p.isRetried {
				want = 4
			}
			if n := attempts.Load(); err == nil || n != want {
				t.Errorf("%s: %v after %d attempts, want an error after %d", kind, err, n, want)
			}
		}
	})
}

// behindProxies runs a test for each server behind each proxy, with grpc-go's client.
func behindProxies(
	t *testing.T, auth *interceptor.Authenticator, test func(*testing.T, proxiedServer, greetv1.GreetServiceClient),
) {
	t.Helper()
	if os.Getenv("OIDCRPC_PROXIES") == "" {
		t.Skip("OIDCRPC_PROXIES is not set")
	}
	open, err := interceptor.New(down{}, interceptor.WithPolicy(interceptor.Policy{
		"/*": {Access: interceptor.AccessPublic},
	}))
	if err != nil {
		t.Fatal(err)
	}
	for proxy, start := range map[string]func(*testing.T, []route){"nginx": startNginx, "HAProxy": startHAProxy} {
		t.Run(proxy, func(t *testing.T) {
			var routes []route
			for _, p := range proxied {
				routes = append(routes, route{server: listenH2C(t, p.serve(auth, open)), front: freeAddr(t)})
			}
			start(t, routes)
			for i, p := range proxied {
				t.Run(p.name, func(t *testing.T) { test(t, p, dialProxy(t, routes[i].front)) })
			}
		})
	}
}

const retryThrice = `{"methodConfig": [{"name": [{}], "retryPolicy": {
	"maxAttempts": 4, "initialBackoff": "0.001s", "maxBackoff": "0.001s", "backoffMultiplier": 1,
	"retryableStatusCodes": ["UNAVAILABLE"]}}]}`

func dialProxy(t *testing.T, addr string) greetv1.GreetServiceClient {
	t.Helper()
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultServiceConfig(retryThrice), grpc.WithDefaultCallOptions(grpc.WaitForReady(true)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return greetv1.NewGreetServiceClient(conn)
}

func authorized(ctx context.Context, token string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
}

var kinds = map[string]func(context.Context, greetv1.GreetServiceClient) error{
	"unary": func(ctx context.Context, client greetv1.GreetServiceClient) error {
		_, err := client.Greet(ctx, &greetv1.GreetRequest{Name: "ada"})
		return err
	},
	"server stream": func(ctx context.Context, client greetv1.GreetServiceClient) error {
		stream, err := client.Watch(ctx, &greetv1.WatchRequest{})
		if err != nil {
			return err
		}
		_, err = stream.Recv()
		return err
	},
	"client stream": func(ctx context.Context, client greetv1.GreetServiceClient) error {
		stream, err := client.Collect(ctx)
		if err != nil {
			return err
		}
		_ = stream.Send(&greetv1.CollectRequest{Name: "ada"}) // the receive tells more
		_, err = stream.CloseAndRecv()
		return err
	},
	"bidi stream": func(ctx context.Context, client greetv1.GreetServiceClient) error {
		stream, err := client.Converse(ctx)
		if err != nil {
			return err
		}
		_ = stream.Send(&greetv1.ConverseRequest{Name: "ada"})
		_ = stream.CloseSend()
		_, err = stream.Recv()
		return err
	},
}

const refusedCalls = 500 // of each kind, to each server, through each proxy

// countLost makes refused calls, eight at a time, and counts those that end in any other
// way.
func countLost(
	t *testing.T, client greetv1.GreetServiceClient,
	call func(context.Context, greetv1.GreetServiceClient) error, token string,
) (n int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(authorized(t.Context(), token), time.Minute)
	defer cancel()
	var lost, made atomic.Int64
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() {
			for made.Add(1) <= refusedCalls {
				if !isRefusal(call(ctx, client)) {
					lost.Add(1)
				}
			}
		})
	}
	callers.Wait()
	return lost.Load()
}

// isRefusal reports whether err has the code and the challenge.
func isRefusal(err error) bool {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			return status.Code(err) == codes.Unauthenticated && info.GetReason() == "TOKEN_EXPIRED" &&
				info.GetMetadata()["challenge"] != ""
		}
	}
	return false
}

func listenH2C(t *testing.T, handler http.Handler) (addr string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{Handler: handler, Protocols: protocols}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return listener.Addr().String()
}
