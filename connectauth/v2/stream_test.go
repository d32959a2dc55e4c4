package connectauth_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"google.golang.org/grpc/test/bufconn"

	connectauth "github.com/oidcrpc/oidcrpc/connectauth/v2"
	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	greetv1connect "github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connectv2"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// waiting handles streams in the ways that an expiry must interrupt.
type waiting struct {
	greetv1connect.GreetServiceHandler

	released atomic.Int64
}

// Watch waits until its context ends, and takes that for success.
func (w *waiting) Watch(ctx context.Context, _ *greetv1.WatchRequest, _ greetv1connect.GreetServiceWatchServerStream) error {
	<-ctx.Done()
	if verifier.CodeOf(context.Cause(ctx)) == verifier.CodeTokenExpired {
		w.released.Add(1)
	}
	return nil
}

// Collect and Converse wait for messages.
func (w *waiting) Collect(_ context.Context, stream greetv1connect.GreetServiceCollectServerStream) (*greetv1.CollectResponse, error) {
	_ = drain(stream.Receive)
	w.released.Add(1)
	return &greetv1.CollectResponse{}, nil
}

func (w *waiting) Converse(_ context.Context, stream greetv1connect.GreetServiceConverseServerStream) error {
	_ = drain(stream.Receive)
	w.released.Add(1)
	return nil
}

// serveInMemory serves within this process, over HTTP/2, until the test ends.
func serveInMemory(t *testing.T, server *connect.Server, options ...connecthttp.Option) greetv1connect.GreetServiceClient {
	t.Helper()
	httpServer := &http.Server{Handler: mount(server), Protocols: new(http.Protocols)}
	httpServer.Protocols.SetUnencryptedHTTP2(true)
	listener := bufconn.Listen(1 << 16)
	transport := &http.Transport{
		Protocols:   httpServer.Protocols,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return listener.DialContext(ctx) },
	}
	var served sync.WaitGroup
	served.Go(func() { _ = httpServer.Serve(listener) })
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		_ = httpServer.Close()
		served.Wait()
	})
	return clientOf(connecthttp.NewTransport(&http.Client{Transport: transport}, "http://bufconn", options...))
}

// untilTheEnd calls a streaming procedure, keeps the client's side open, and returns the
// error that ends the call.
var untilTheEnd = map[string]func(context.Context, greetv1connect.GreetServiceClient) error{
	"server stream": kinds["server stream"],
	"client stream": func(ctx context.Context, client greetv1connect.GreetServiceClient) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		stream, err := client.Collect(ctx)
		if err != nil {
			return err
		}
		for err == nil {
			time.Sleep(time.Second)
			err = stream.Send(&greetv1.CollectRequest{})
		}
		_, err = stream.CloseAndReceive()
		return err
	},
	"bidi stream": func(ctx context.Context, client greetv1connect.GreetServiceClient) error {
		stream, err := client.Converse(ctx)
		if err != nil {
			return err
		}
		defer stream.Close()
		if err := stream.Send(&greetv1.ConverseRequest{}); err != nil {
			return err
		}
		return drain(stream.Receive)
	},
}

func TestStreamsEndWithTheirTokens(t *testing.T) {
	dial := map[string]func(*testing.T, *connect.Server) greetv1connect.GreetServiceClient{
		"in process": func(_ *testing.T, server *connect.Server) greetv1connect.GreetServiceClient {
			return newClientInProcess(server)
		},
	}
	for name, options := range protocols {
		dial[name] = func(t *testing.T, server *connect.Server) greetv1connect.GreetServiceClient {
			return serveInMemory(t, server, options...)
		}
	}
	for name, dial := range dial {
		for kind, end := range untilTheEnd {
			t.Run(name+", "+kind, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					issuer := verifiertest.NewIssuer()
					handler := &waiting{}
					client := dial(t, newServer(newAuth(t, issuer), handler))
					start := time.Now()
					ctx, _ := withToken(t.Context(), issuer.Token(nil))
					if err := end(ctx, client); connect.CodeOf(err) != connect.CodeUnauthenticated {
						t.Errorf("the end: %v, want Unauthenticated", err)
					}
					if lived := time.Since(start).Round(10 * time.Second); lived != 5*time.Minute {
						t.Errorf("the stream lived %v, want 5m", lived)
					}
					if got := handler.released.Load(); got != 1 {
						t.Errorf("%d handlers were released by the expiry, want 1", got)
					}
				})
			})
		}
	}
}

// A fickle handler refuses its caller, at once or once it has sent something.
type fickle struct {
	greetv1connect.GreetServiceHandler

	before func(greetv1connect.GreetServiceConverseServerStream) error
}

func (f fickle) Converse(ctx context.Context, stream greetv1connect.GreetServiceConverseServerStream) error {
	if _, err := stream.Receive(); err != nil { // in process it is what a client's send waits for
		return err
	}
	if err := f.before(stream); err != nil {
		return err
	}
	return connectauth.Refuse(ctx, errors.New("no"))
}

func TestChallengeTravelsWhereItsProtocolDeliversIt(t *testing.T) {
	type stream = greetv1connect.GreetServiceConverseServerStream
	issuer := verifiertest.NewIssuer()
	for before, test := range map[string]struct {
		do func(stream) error
		// Where the challenge is to arrive: in the header, the trailer, both or neither.
		http, grpc, inProcess string
	}{
		"nothing was sent": {func(stream) error { return nil }, "header", "header", "header"},
		"the header was":   {stream.SendHeaders, "trailer", "", "trailer"},
		"a message was":    {func(s stream) error { return s.Send(&greetv1.ConverseResponse{}) }, "trailer", "", "trailer"},
		"both were":        {sendBoth, "trailer", "", "trailer"},
	} {
		server := newServer(newAuth(t, issuer), fickle{before: test.do})
		want := map[string]string{"Connect": test.http, "gRPC-Web": test.http, "gRPC": test.grpc, "in process": test.inProcess}
		for name, where := range want {
			t.Run(before+", "+name, func(t *testing.T) {
				var log strings.Builder
				httpServer := httptest.NewUnstartedServer(mount(server))
				httpServer.Config.ErrorLog = slog.NewLogLogger(slog.NewTextHandler(&log, nil), slog.LevelError)
				httpServer.EnableHTTP2 = true
				httpServer.StartTLS()
				client := newClient(httpServer, protocols[name]...)
				if name == "in process" {
					client = newClientInProcess(server)
				}
				ctx, info := withToken(t.Context(), issuer.Token(nil))
				err := kinds["bidi stream"](ctx, client)
				httpServer.Close()
				if connect.CodeOf(err) != connect.CodePermissionDenied {
					t.Errorf("got %v, want PermissionDenied", err)
				}
				if connectErr, ok := errors.AsType[*connect.Error](err); !ok || len(connectErr.Details()) != 1 {
					t.Errorf("the error %v has no detail", err)
				}
				for place, values := range map[string][]string{
					"header":  info.ResponseHeader().Values("WWW-Authenticate"),
					"trailer": info.ResponseTrailer().Values("WWW-Authenticate"),
				} {
					if wanted := place == where; len(values) != count(wanted) {
						t.Errorf("the %s has the challenges %q, want one = %v", place, values, wanted)
					}
				}
				if log.Len() > 0 {
					t.Errorf("the server's log holds: %s", log.String())
				}
			})
		}
	}
}

func sendBoth(stream greetv1connect.GreetServiceConverseServerStream) error {
	return errors.Join(stream.SendHeaders(), stream.Send(&greetv1.ConverseResponse{}))
}

func count(one bool) int {
	if one {
		return 1
	}
	return 0
}

// A late interceptor refuses a unary call whose response has left.
func TestChallengeOfAnAnsweredUnaryCallIsDropped(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	late := func(next connect.ServerFunc) connect.ServerFunc {
		return func(ctx context.Context, spec connect.Spec, stream connect.ServerStream) error {
			if err := next(ctx, spec, stream); err != nil {
				return err
			}
			return connectauth.Refuse(ctx, errors.New("no"))
		}
	}
	server := connect.NewServer(connectauth.NewServerInterceptor(newAuth(t, issuer)), late)
	greetv1connect.RegisterGreetServiceHandler(server, echo{})
	var log strings.Builder
	httpServer := httptest.NewUnstartedServer(mount(server))
	httpServer.Config.ErrorLog = slog.NewLogLogger(slog.NewTextHandler(&log, nil), slog.LevelError)
	httpServer.EnableHTTP2 = true
	httpServer.StartTLS()
	clients := map[string]greetv1connect.GreetServiceClient{"in process": newClientInProcess(server)}
	for name, options := range protocols {
		clients[name] = newClient(httpServer, options...)
	}
	for name, client := range clients {
		ctx, info := withToken(t.Context(), issuer.Token(nil))
		_ = kinds["unary"](ctx, client)
		if got := info.ResponseHeader().Values("WWW-Authenticate"); len(got) > 0 {
			t.Errorf("%s: the header has the challenges %q", name, got)
		}
	}
	httpServer.Close()
	if log.Len() > 0 {
		t.Errorf("the server's log holds: %s", log.String())
	}
}

func TestExpiredStreamSendsNoHeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := verifiertest.NewIssuer()
		server := newServer(newAuth(t, issuer), fickle{before: func(stream greetv1connect.GreetServiceConverseServerStream) error {
			time.Sleep(time.Hour)
			if err := stream.SendHeaders(); connect.CodeOf(err) != connect.CodeUnauthenticated {
				t.Errorf("SendHeaders: %v, want Unauthenticated", err)
			}
			return nil
		}})
		ctx, info := withToken(t.Context(), issuer.Token(nil))
		err := kinds["bidi stream"](ctx, serveInMemory(t, server))
		if connect.CodeOf(err) != connect.CodeUnauthenticated || !info.ResponseHeader().Has("WWW-Authenticate") {
			t.Errorf("got %v, with a challenge in the header = %v", err, info.ResponseHeader().Has("WWW-Authenticate"))
		}
	})
}
