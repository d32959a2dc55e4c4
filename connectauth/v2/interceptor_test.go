package connectauth_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"

	connectauth "github.com/oidcrpc/oidcrpc/connectauth/v2"
	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	greetv1connect "github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connectv2"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

func TestNilAuthenticatorPanicsAtConstruction(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("NewServerInterceptor(nil) did not panic")
		}
	}()
	connectauth.NewServerInterceptor(nil)
}

// echo answers with the caller's subject, whatever the kind of call.
type echo struct{ reached *atomic.Int64 }

func (e echo) subject(ctx context.Context) string {
	if e.reached != nil {
		e.reached.Add(1)
	}
	claims, ok := interceptor.ClaimsFromContext(ctx)
	if !ok {
		return "anonymous"
	}
	return claims.Subject()
}

func (e echo) Greet(ctx context.Context, _ *greetv1.GreetRequest) (*greetv1.GreetResponse, error) {
	return &greetv1.GreetResponse{Greeting: e.subject(ctx)}, nil
}

func (e echo) Watch(ctx context.Context, _ *greetv1.WatchRequest, stream greetv1connect.GreetServiceWatchServerStream) error {
	return stream.Send(&greetv1.WatchResponse{Greeting: e.subject(ctx)})
}

func (e echo) Collect(ctx context.Context, stream greetv1connect.GreetServiceCollectServerStream) (*greetv1.CollectResponse, error) {
	return &greetv1.CollectResponse{Names: []string{e.subject(ctx)}}, drain(stream.Receive)
}

func (e echo) Converse(ctx context.Context, stream greetv1connect.GreetServiceConverseServerStream) error {
	if err := drain(stream.Receive); err != nil {
		return err
	}
	return stream.Send(&greetv1.ConverseResponse{Greeting: e.subject(ctx)})
}

func TestOneInterceptorSecuresAllKindsOfCalls(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	var reached atomic.Int64
	server := newServer(newAuth(t, issuer), echo{&reached})
	clients := map[string]greetv1connect.GreetServiceClient{"in process": newClientInProcess(server)}
	for name, options := range protocols {
		clients[name] = newClient(serve(t, mount(server)), options...)
	}
	for name, client := range clients {
		for kind, do := range kinds {
			t.Run(name+", "+kind, func(t *testing.T) {
				reached.Store(0)
				ctx, _ := withToken(t.Context(), issuer.Token(nil))
				if err := do(ctx, client); err != nil || reached.Load() != 1 {
					t.Errorf("with a token: %v, and the handler ran %d times", err, reached.Load())
				}
				ctx, info := withToken(t.Context(), "")
				err := do(ctx, client)
				if connect.CodeOf(err) != connect.CodeUnauthenticated || reached.Load() != 1 {
					t.Errorf("without a token: %v, and the handler ran %d times", err, reached.Load()-1)
				}
				if got := info.ResponseHeader().Values("WWW-Authenticate"); len(got) != 1 || got[0] != `Bearer realm="api"` {
					t.Errorf("the challenges are %q", got)
				}
			})
		}
	}
}

func TestHandlerSeesItsCaller(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	client := newClient(serve(t, mount(newServer(newAuth(t, issuer), echo{}))))
	ctx, _ := withToken(t.Context(), issuer.Token(map[string]any{"sub": "alice"}))
	if res, err := client.Greet(ctx, &greetv1.GreetRequest{}); err != nil || res.GetGreeting() != "alice" {
		t.Errorf("Greet: %v, %v", res, err)
	}
	stream, err := client.Watch(ctx, &greetv1.WatchRequest{})
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	if res, err := stream.Receive(); err != nil || res.GetGreeting() != "alice" {
		t.Errorf("Watch: %v, %v", res, err)
	}
}

// A countingBody counts what is read of a request.
type countingBody struct {
	io.Reader

	read atomic.Int64
}

func (b *countingBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	b.read.Add(int64(n))
	return n, err
}

func (*countingBody) Close() error { return nil }

func TestRefusedCallLeavesItsBodyUnread(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	handler := mount(newServer(newAuth(t, issuer), echo{}))
	const size = 3 << 20
	for _, procedure := range []string{
		greetv1connect.GreetServiceGreetProcedure,
		greetv1connect.GreetServiceWatchProcedure,
		greetv1connect.GreetServiceCollectProcedure,
		greetv1connect.GreetServiceConverseProcedure,
	} {
		types := []string{"application/grpc", "application/grpc-web", "application/connect+proto"}
		if procedure == greetv1connect.GreetServiceGreetProcedure {
			types[2] = "application/proto"
		}
		for _, contentType := range types {
			for token, reads := range map[string]bool{"": false, issuer.Token(nil): true} {
				body := &countingBody{Reader: strings.NewReader(strings.Repeat("x", size))}
				req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, procedure, body)
				req.ProtoMajor = 2
				req.Header.Set("Content-Type", contentType)
				if token != "" {
					req.Header.Set("Authorization", "Bearer "+token)
				}
				handler.ServeHTTP(httptest.NewRecorder(), req)
				if got := body.read.Load(); (got > 0) != reads {
					t.Errorf("%s %s, with a token = %v: %d bytes were read", contentType, procedure, token != "", got)
				}
			}
		}
	}
}

func TestRefusedCallCostsTheSameWhateverItsSize(t *testing.T) {
	handler := mount(newServer(newAuth(t, verifiertest.NewIssuer()), echo{}))
	const calls, most = 200, 12_000
	for _, contentType := range []string{"application/proto", "application/grpc", "application/grpc-web"} {
		for _, size := range []int{0, 3 << 20} {
			message := strings.Repeat("x", size)
			requests := make([]*http.Request, calls)
			for i := range requests {
				requests[i] = httptest.NewRequestWithContext(t.Context(), http.MethodPost,
					greetv1connect.GreetServiceGreetProcedure, strings.NewReader(message))
				requests[i].ProtoMajor = 2
				requests[i].Header.Set("Content-Type", contentType)
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for _, req := range requests {
				handler.ServeHTTP(make(discard), req)
			}
			runtime.ReadMemStats(&after)
			if each := (after.TotalAlloc - before.TotalAlloc) / calls; each > most {
				t.Errorf("%s, %d bytes: a refused call allocates %d bytes, want at most %d", contentType, size, each, most)
			}
		}
	}
}

// discard drops a response.
type discard http.Header

func (d discard) Header() http.Header       { return http.Header(d) }
func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) WriteHeader(int)             {}

func TestMalformedRequestsAreRefusedBeforeTheyAreDecoded(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	server := serve(t, mount(newServer(newAuth(t, issuer), echo{})))
	procedure := server.URL + greetv1connect.GreetServiceGreetProcedure
	for name, test := range map[string]struct{ method, query, encoding string }{
		"a malformed message":      {http.MethodPost, "", ""},
		"malformed gzip":           {http.MethodPost, "", "gzip"},
		"a GET of malformed proto": {http.MethodGet, "?connect=v1&encoding=proto&message=xyz", ""},
	} {
		for token, want := range map[string]int{"": http.StatusUnauthorized, issuer.Token(nil): http.StatusBadRequest} {
			body := strings.NewReader("malformed")
			if test.method == http.MethodGet {
				body = strings.NewReader("")
			}
			req, err := http.NewRequestWithContext(t.Context(), test.method, procedure+test.query, body)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", "application/proto")
			if test.encoding != "" {
				req.Header.Set("Content-Encoding", test.encoding)
			}
			if token != "" {
				req.Header.Set("Authorization", "Bearer "+token)
			}
			res, err := server.Client().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			if res.StatusCode != want {
				t.Errorf("%s, with a token = %v: status %d, want %d", name, token != "", res.StatusCode, want)
			}
		}
	}
}

// An interceptor in front may start from another context. Then neither the credential
// nor the response header is in reach.
func TestReplacedContextIsRefused(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	detach := func(next connect.ServerFunc) connect.ServerFunc {
		return func(_ context.Context, spec connect.Spec, stream connect.ServerStream) error {
			return next(t.Context(), spec, stream)
		}
	}
	server := connect.NewServer(detach, connectauth.NewServerInterceptor(newAuth(t, issuer)))
	greetv1connect.RegisterGreetServiceHandler(server, echo{})
	client := newClient(serve(t, mount(server)))
	for kind, do := range kinds {
		ctx, info := withToken(t.Context(), issuer.Token(nil))
		if err := do(ctx, client); connect.CodeOf(err) != connect.CodeUnauthenticated {
			t.Errorf("%s: %v, want Unauthenticated", kind, err)
		}
		if info.ResponseHeader().Has("WWW-Authenticate") {
			t.Errorf("%s: there is a challenge", kind)
		}
	}
}

func TestUnregisteredProceduresStayClosed(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	var reached atomic.Int64
	server := newServer(newAuth(t, issuer), echo{})
	server.SetUnknownHandler(func(context.Context, connect.Spec, connect.ServerStream) error {
		reached.Add(1)
		return errors.New("unknown")
	})
	httpServer := serve(t, mount(server))
	raw := connect.NewClient(connecthttp.NewTransport(httpServer.Client(), httpServer.URL))
	for procedure, want := range map[string]connect.Code{
		"/greet.v1.GreetService/Unknown":     connect.CodeUnauthenticated,
		"/greet.v1.GreetService/Greet/Greet": connect.CodeInternal, // no procedure at all
	} {
		reached.Store(0)
		ctx, _ := withToken(t.Context(), "")
		spec := connect.Spec{Procedure: procedure}
		err := raw.CallUnary(ctx, spec, &greetv1.GreetRequest{}, &greetv1.GreetResponse{})
		if connect.CodeOf(err) != want || reached.Load() != 0 {
			t.Errorf("%s without a token: %v, want %v, and the handler ran %d times", procedure, err, want, reached.Load())
		}
		ctx, _ = withToken(t.Context(), issuer.Token(nil))
		err = raw.CallUnary(ctx, spec, &greetv1.GreetRequest{}, &greetv1.GreetResponse{})
		if admitted := want == connect.CodeUnauthenticated; (reached.Load() == 1) != admitted {
			t.Errorf("%s with a token: %v, and the handler ran %d times", procedure, err, reached.Load())
		}
	}
}

func TestTokenInAnotherHeaderIsNotRead(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	client := newClient(serve(t, mount(newServer(newAuth(t, issuer), echo{}))))
	for _, header := range []string{"Authorization-Bin", "Proxy-Authorization", "X-Forwarded-Authorization", "Cookie", "Access_token"} {
		ctx, info := connect.NewClientContext(t.Context())
		info.RequestHeader().Set(header, "Bearer "+issuer.Token(nil))
		if _, err := client.Greet(ctx, &greetv1.GreetRequest{}); connect.CodeOf(err) != connect.CodeUnauthenticated {
			t.Errorf("%s: %v", header, err)
		}
	}
}

func TestTwoAuthorizationValuesAreRefused(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	server := newServer(newAuth(t, issuer), echo{})
	for name, client := range map[string]greetv1connect.GreetServiceClient{
		"over HTTP": newClient(serve(t, mount(server))), "in process": newClientInProcess(server),
	} {
		ctx, info := withToken(t.Context(), issuer.Token(nil))
		info.RequestHeader().Add("Authorization", "Bearer "+issuer.Token(nil))
		if _, err := client.Greet(ctx, &greetv1.GreetRequest{}); connect.CodeOf(err) != connect.CodeUnauthenticated {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCodesAreConnectsOwn(t *testing.T) {
	for _, code := range []interceptor.Code{
		interceptor.CodeCanceled, interceptor.CodeDeadlineExceeded, interceptor.CodePermissionDenied,
		interceptor.CodeInternal, interceptor.CodeUnavailable, interceptor.CodeUnauthenticated,
	} {
		if got := connect.Code(code).String(); got != code.String() {
			t.Errorf("code %d is %v here and %v in Connect", code, code, got)
		}
	}
}

func TestObserverSeesTheCallersAddress(t *testing.T) {
	var peers []string
	auth := newAuth(t, verifiertest.NewIssuer(), interceptor.WithObserver(func(_ context.Context, d interceptor.Decision) {
		peers = append(peers, d.Peer)
	}))
	server := newServer(auth, echo{})
	_ = kinds["unary"](t.Context(), newClient(serve(t, mount(server))))
	_ = kinds["unary"](t.Context(), newClientInProcess(server))
	if len(peers) != 2 || !strings.HasPrefix(peers[0], "127.0.0.1:") || peers[1] != "" {
		t.Errorf("the peers are %q, want an address and none", peers)
	}
}
