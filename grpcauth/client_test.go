package grpcauth_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/oauth2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/grpcauth"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/interceptor/client"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// An endpoint returns one token after the other, and the last one again and again. Its user has
// another to grant.
type endpoint struct {
	tokens  []string
	granted string
	asked   atomic.Int64
	created *client.Source
}

func (e *endpoint) source() *client.Source {
	e.created = client.NewSource(e.fetch, client.WithAuthorize(e.authorize))
	return e.created
}

func (e *endpoint) authorize(context.Context, *client.Refusal) (*oauth2.Token, error) {
	return &oauth2.Token{AccessToken: e.granted}, nil
}

func (e *endpoint) fetch(context.Context) (*oauth2.Token, error) {
	n := int(e.asked.Add(1))
	if len(e.tokens) == 0 {
		return nil, errors.New("secret: the endpoint is down")
	}
	return &oauth2.Token{AccessToken: e.tokens[min(n, len(e.tokens))-1], Expiry: time.Now().Add(time.Hour)}, nil
}

// A gate counts the calls that arrive, and keeps what they bring.
type gate struct {
	calls  atomic.Int64
	latest atomic.Pointer[metadata.MD]
}

func (g *gate) options(auth *interceptor.Authenticator) []grpc.ServerOption {
	note := func(ctx context.Context) {
		g.calls.Add(1)
		md, _ := metadata.FromIncomingContext(ctx)
		g.latest.Store(&md)
	}
	return append([]grpc.ServerOption{
		grpc.ChainUnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
			note(ctx)
			return handler(ctx, req)
		}),
		grpc.ChainStreamInterceptor(func(srv any, ss grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
			note(ss.Context())
			return handler(srv, ss)
		}),
	}, grpcauth.ServerOptions(auth)...)
}

// everyKind answers every kind of call.
type everyKind struct {
	echo

	got atomic.Pointer[[]string] // the names that arrived
}

func (e *everyKind) Greet(ctx context.Context, req *greetv1.GreetRequest) (*greetv1.GreetResponse, error) {
	e.got.Store(&[]string{req.GetName()})
	return e.echo.Greet(ctx, req)
}

func (e *everyKind) Watch(req *greetv1.WatchRequest, stream grpc.ServerStreamingServer[greetv1.WatchResponse]) error {
	e.got.Store(&[]string{req.GetName()})
	return e.echo.Watch(req, stream)
}

func (e *everyKind) Collect(stream grpc.ClientStreamingServer[greetv1.CollectRequest, greetv1.CollectResponse]) error {
	var names []string
	for {
		req, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			e.got.Store(&names)
			return stream.SendAndClose(&greetv1.CollectResponse{Names: names})
		}
		if err != nil {
			return err
		}
		names = append(names, req.GetName())
	}
}

func (e *everyKind) Converse(stream grpc.BidiStreamingServer[greetv1.ConverseRequest, greetv1.ConverseResponse]) error {
	for {
		req, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		e.got.Store(&[]string{req.GetName()})
		if err := stream.Send(&greetv1.ConverseResponse{}); err != nil {
			return err
		}
	}
}

// kinds makes a call of each kind with one message, and returns the error that ends it.
var kinds = map[string]func(context.Context, greetv1.GreetServiceClient) error{
	"unary": func(ctx context.Context, client greetv1.GreetServiceClient) error {
		_, err := client.Greet(ctx, &greetv1.GreetRequest{Name: "Ada"})
		return err
	},
	"server stream": func(ctx context.Context, client greetv1.GreetServiceClient) error {
		stream, err := client.Watch(ctx, &greetv1.WatchRequest{Name: "Ada"})
		if err != nil {
			return err
		}
		return drain(stream.Recv)
	},
	"client stream": func(ctx context.Context, client greetv1.GreetServiceClient) error {
		stream, err := client.Collect(ctx)
		if err != nil {
			return err
		}
		if err := stream.Send(&greetv1.CollectRequest{Name: "Ada"}); err != nil {
			return err
		}
		_, err = stream.CloseAndRecv()
		return err
	},
	"bidi stream": func(ctx context.Context, client greetv1.GreetServiceClient) error {
		stream, err := client.Converse(ctx)
		if err != nil {
			return err
		}
		if err := stream.Send(&greetv1.ConverseRequest{Name: "Ada"}); err != nil {
			return err
		}
		if _, err := stream.Recv(); err != nil {
			return err
		}
		if err := stream.CloseSend(); err != nil {
			return err
		}
		return drain(stream.Recv)
	},
}

func drain[T any](receive func() (T, error)) error {
	for {
		if _, err := receive(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// scene is a client whose tokens come from an endpoint, and its server.
type scene struct {
	*endpoint
	*gate

	handler *everyKind
	client  greetv1.GreetServiceClient
}

func newScene(t *testing.T, issuer *verifiertest.Issuer, tokens []string, options ...interceptor.Option) *scene {
	t.Helper()
	s := &scene{endpoint: &endpoint{tokens: tokens}, gate: &gate{}, handler: &everyKind{}}
	server := grpc.NewServer(s.options(newAuth(t, issuer, options...))...)
	greetv1.RegisterGreetServiceServer(server, s.handler)
	conn := dial(t, server, grpcauth.PlaintextClientOptions(s.source())...)
	s.client = greetv1.NewGreetServiceClient(conn)
	return s
}

func (s *scene) want(t *testing.T, calls, requests int64) {
	t.Helper()
	if got := s.calls.Load(); got != calls {
		t.Errorf("the server got %d calls, want %d", got, calls)
	}
	if got := s.asked.Load(); got != requests {
		t.Errorf("the endpoint was asked for %d tokens, want %d", got, requests)
	}
}

func expired(issuer *verifiertest.Issuer) string {
	return issuer.Token(map[string]any{"exp": time.Now().Add(-time.Minute)})
}

// The client takes each first token for alive.
func TestRefusedCallIsSentAgainWithANewToken(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	revoked := issuer.Token(nil)
	issuer.Rotate()
	for name, first := range map[string]string{
		"expired":                    expired(issuer),
		"signed with a key now gone": revoked,
	} {
		for kind, call := range kinds {
			t.Run(name+", "+kind, func(t *testing.T) {
				s := newScene(t, issuer, []string{first, issuer.Token(nil)})
				if err := call(t.Context(), s.client); err != nil {
					t.Errorf("the call fails: %v", err)
				}
				s.want(t, 2, 2)
				if got := s.handler.got.Load(); got == nil || !slices.Equal(*got, []string{"Ada"}) {
					t.Errorf("the handler got %v, want the message once", got)
				}
				if got := s.latest.Load().Get("grpc-previous-rpc-attempts"); !slices.Equal(got, []string{"1"}) {
					t.Errorf("grpc-previous-rpc-attempts = %q, want 1", got)
				}
			})
		}
	}
}

func TestCallThatIsAcceptedWhenSentAgainCostsNothing(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	tokens := []string{expired(issuer), issuer.Token(nil)}
	for kind, call := range kinds {
		t.Run(kind, func(t *testing.T) {
			s := newScene(t, issuer, tokens)
			if got := s.retry(t, 999); got != 999 {
				t.Fatalf("%d retries, want 1000 at first", got)
			}
			if err := call(t.Context(), s.client); err != nil {
				t.Errorf("the call fails: %v", err)
			}
			s.want(t, 2, 2)
			if got := s.retry(t, 2); got != 1 {
				t.Errorf("%d retries are left, want one, as before the call", got)
			}
		})
	}
}

// retry returns how many of n calls that sent a token of their own may be sent again.
func (s *scene) retry(t *testing.T, n int) (granted int) {
	t.Helper()
	own := client.NewSource((&endpoint{tokens: []string{"own"}}).fetch)
	refused, err := own.Credential(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range n {
		header := map[string][]string{"www-authenticate": {`Bearer error="invalid_token"`}}
		refusal := client.ReadRefusal(client.Response{
			Code: interceptor.CodeUnauthenticated, Header: func(name string) []string { return header[name] },
		})
		if s.created.Retry(t.Context(), refused, refusal) != nil {
			granted++
		}
	}
	return granted
}

func TestRefusedCallIsSentTwiceAtMost(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	for kind, call := range kinds {
		t.Run(kind, func(t *testing.T) {
			s := newScene(t, issuer, []string{expired(issuer), issuer.Token(map[string]any{"exp": time.Now().Add(-time.Hour)}), issuer.Token(nil)})
			err := call(t.Context(), s.client)
			wantRefusal(t, err, codes.Unauthenticated, verifier.CodeTokenExpired)
			s.want(t, 2, 2)
		})
	}
}

func wantRefusal(t *testing.T, err error, code codes.Code, reason verifier.Code) *client.Refusal {
	t.Helper()
	if status.Code(err) != code {
		t.Errorf("err = %v, want %v", err, code)
	}
	refusal, ok := errors.AsType[*client.Refusal](err)
	if !ok || refusal.Code != reason {
		t.Fatalf("err = %v with %+v, want a Refusal for %s", err, refusal, reason)
	}
	return refusal
}

// A new token would be refused like the one before.
func TestCallIsNotSentAgainForWhatANewTokenCannotCure(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	policy := interceptor.WithPolicy(interceptor.Policy{"/*": {Require: verifier.Requirement{Scopes: []string{"read", "write"}}}})
	for _, test := range []struct {
		name   string
		claims map[string]any
		code   codes.Code
		reason verifier.Code
		scopes []string
	}{
		{"another audience", map[string]any{"aud": "https://other.test"}, codes.Unauthenticated, verifier.CodeInvalidAudience, nil},
		{"a missing scope", map[string]any{"scope": "read"}, codes.PermissionDenied, verifier.CodeInsufficientScope, []string{"read", "write"}},
	} {
		for kind, call := range kinds {
			t.Run(test.name+", "+kind, func(t *testing.T) {
				s := newScene(t, issuer, []string{issuer.Token(test.claims), issuer.Token(map[string]any{"scope": "read write"})}, policy)
				refusal := wantRefusal(t, call(t.Context(), s.client), test.code, test.reason)
				if !slices.Equal(refusal.Scopes, test.scopes) {
					t.Errorf("Scopes = %q, want %q", refusal.Scopes, test.scopes)
				}
				s.want(t, 1, 1)
			})
		}
	}
}

func TestCallThatLacksAScopeIsSentAgainWithWhatTheUserGrants(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	policy := interceptor.WithPolicy(interceptor.Policy{"/*": {Require: verifier.Requirement{Scopes: []string{"write"}}}})
	for kind, call := range kinds {
		t.Run(kind, func(t *testing.T) {
			s := newScene(t, issuer, []string{issuer.Token(map[string]any{"scope": "read"})}, policy)
			s.granted = issuer.Token(map[string]any{"scope": "read write"})
			if err := call(t.Context(), s.client); err != nil {
				t.Errorf("the call fails: %v", err)
			}
			s.want(t, 2, 1)
			if err := call(t.Context(), s.client); err != nil {
				t.Errorf("another call fails: %v", err)
			}
			s.want(t, 3, 1)
		})
	}
}

// Of two needs, each call is sent again with the token for its own.
func TestLaterAttemptSendsItsOwnToken(t *testing.T) {
	tokens := client.NewSource((&endpoint{tokens: []string{"a"}}).fetch)
	_, credentials := grpcauth.CallUnary(tokens)
	own := client.NewSource((&endpoint{tokens: []string{"b"}}).fetch)
	credential, err := own.Credential(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	md, err := credentials.GetRequestMetadata(grpcauth.LaterAttempt(t.Context(), tokens, credential, 1))
	if err != nil || md["authorization"] != "Bearer b" {
		t.Errorf("it sends %v, %v", md, err)
	}
}

// An interceptor may call another server in the context of the attempt it's in.
func TestLaterAttemptBringsItsTokenToItsOwnServerAlone(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	other := newScene(t, issuer, []string{issuer.Token(map[string]any{"sub": "other"})})
	own := &endpoint{tokens: []string{expired(issuer), issuer.Token(nil)}}
	server := grpc.NewServer(grpcauth.ServerOptions(newAuth(t, issuer))...)
	greetv1.RegisterGreetServiceServer(server, &everyKind{})
	conn := dial(t, server, grpcauth.PlaintextClientOptions(own.source(), grpc.WithChainUnaryInterceptor(
		func(
			ctx context.Context, method string, req, res any, cc *grpc.ClientConn,
			invoker grpc.UnaryInvoker, opts ...grpc.CallOption,
		) error {
			if _, err := other.client.Greet(ctx, &greetv1.GreetRequest{}); err != nil {
				t.Error(err)
			}
			return invoker(ctx, method, req, res, cc, opts...)
		}))...)
	if _, err := greetv1.NewGreetServiceClient(conn).Greet(t.Context(), &greetv1.GreetRequest{}); err != nil {
		t.Fatal(err)
	}
	if got := other.latest.Load().Get("authorization"); !slices.Equal(got, []string{"Bearer " + other.tokens[0]}) {
		t.Errorf("the other server got %v", got)
	}
}

func TestCallWithoutATokenIsNotMade(t *testing.T) {
	for kind, call := range kinds {
		t.Run(kind, func(t *testing.T) {
			s := newScene(t, verifiertest.NewIssuer(), nil)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			err := call(ctx, s.client)
			tokenErr, ok := errors.AsType[*client.TokenError](err)
			if status.Code(err) != codes.Unavailable || !ok || tokenErr.RetryAfter <= 0 {
				t.Errorf("err = %v, want Unavailable with a TokenError", err)
			}
			if got := status.Convert(err).Message(); got != "no access token is available at the moment" {
				t.Errorf("message = %q, want nothing of the cause", got)
			}
			if s.calls.Load() != 0 {
				t.Error("the server was called")
			}
		})
	}
}

func TestCallersCancelIsNoOutage(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	s := newScene(t, issuer, []string{issuer.Token(nil)})
	for kind, call := range kinds {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := call(ctx, s.client); status.Code(err) != codes.Canceled {
			t.Errorf("%s: %v, want Canceled", kind, err)
		}
	}
}

// The server would get a part of the messages, and take it for the whole.
func TestStreamThatHasSentMoreThanOneMessageIsNotSentAgain(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	s := newScene(t, issuer, []string{expired(issuer), issuer.Token(nil)})
	stream, err := s.client.Collect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_ = stream.Send(&greetv1.CollectRequest{Name: "Ada"})
	_ = stream.Send(&greetv1.CollectRequest{Name: "Eve"})
	_, err = stream.CloseAndRecv()
	wantRefusal(t, err, codes.Unauthenticated, verifier.CodeTokenExpired)
	s.want(t, 1, 1)
}

// A stream that has sent nothing and waits for the server begins again, too.
func TestStreamThatHasSentNothingIsSentAgain(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	s := newScene(t, issuer, []string{expired(issuer), issuer.Token(nil)})
	stream, err := s.client.Converse(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	received := make(chan error, 1)
	go func() {
		_, err := stream.Recv()
		received <- err
	}()
	for s.calls.Load() < 2 { // the handler of the second waits for a message
		time.Sleep(time.Millisecond)
	}
	_ = stream.Send(&greetv1.ConverseRequest{Name: "Ada"})
	if err := <-received; err != nil {
		t.Errorf("Recv: %v", err)
	}
	_ = stream.CloseSend()
	if err := drain(stream.Recv); err != nil {
		t.Errorf("Recv: %v", err)
	}
	s.want(t, 2, 2)
}

// A handler may pass on what a server behind it has said about the handler's own token.
func TestUpstreamsRefusalIsNoReasonToSendACallAgain(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	behind := newScene(t, issuer, []string{expired(issuer)})
	tokens := &endpoint{tokens: []string{issuer.Token(nil), issuer.Token(map[string]any{"jti": "2"})}}
	calls := 0
	server := grpc.NewServer(grpc.ChainUnaryInterceptor(func(ctx context.Context, _ any, _ *grpc.UnaryServerInfo, _ grpc.UnaryHandler) (any, error) {
		calls++
		res, err := behind.client.Greet(ctx, &greetv1.GreetRequest{})
		return res, err
	}))
	greetv1.RegisterGreetServiceServer(server, &everyKind{})
	conn := dial(t, server, grpcauth.PlaintextClientOptions(client.NewSource(tokens.fetch))...)
	_, err := greetv1.NewGreetServiceClient(conn).Greet(t.Context(), &greetv1.GreetRequest{})
	wantRefusal(t, err, codes.Unauthenticated, verifier.CodeTokenExpired)
	if calls != 1 {
		t.Errorf("the handler ran %d times, want once", calls)
	}
}

func TestTokensAreNotSentInPlaintext(t *testing.T) {
	tokens := client.NewSource((&endpoint{}).fetch)
	options := grpcauth.ClientOptions(tokens, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if conn, err := grpc.NewClient("passthrough:///x", options...); err == nil {
		_ = conn.Close()
		t.Error("NewClient takes tokens without transport security")
	}
}

func TestNilSourcePanicsAtConstruction(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("ClientOptions(nil) did not panic")
		}
	}()
	grpcauth.ClientOptions(nil)
}

// Other servers send a challenge and no details.
func TestAnyServersChallengeCounts(t *testing.T) {
	for name, send := range map[string]func(context.Context, metadata.MD) error{
		"header":  grpc.SetHeader,
		"trailer": grpc.SetTrailer,
	} {
		for kind, call := range kinds {
			t.Run(name+", "+kind, func(t *testing.T) {
				foreign := foreignServer{send: send}
				good := greetv1.NewGreetServiceClient(foreign.dial(t, "a", "b"))
				if err := call(t.Context(), good); err != nil {
					t.Errorf("the call fails: %v", err)
				}
				bad := greetv1.NewGreetServiceClient(foreign.dial(t, "a", "c"))
				refusal := wantRefusal(t, call(t.Context(), bad), codes.Unauthenticated, verifier.CodeInvalidToken)
				if len(refusal.Challenges) != 2 {
					t.Errorf("Challenges = %v, want both", refusal.Challenges)
				}
			})
		}
	}
}

// A foreignServer takes the token b alone.
type foreignServer struct {
	send func(context.Context, metadata.MD) error
}

func (f foreignServer) check(ctx context.Context) error {
	if slices.Equal(metadata.ValueFromIncomingContext(ctx, "authorization"), []string{"Bearer b"}) {
		return nil
	}
	challenge := metadata.Pairs("www-authenticate", `Bearer realm="x", error="invalid_token", DPoP algs="ES256"`)
	if err := f.send(ctx, challenge); err != nil {
		return err
	}
	return status.Error(codes.Unauthenticated, "no")
}

func (f foreignServer) dial(t *testing.T, tokens ...string) *grpc.ClientConn {
	t.Helper()
	server := grpc.NewServer(
		grpc.UnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
			if err := f.check(ctx); err != nil {
				return nil, err
			}
			return handler(ctx, req)
		}),
		grpc.StreamInterceptor(func(srv any, ss grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
			if err := f.check(ss.Context()); err != nil {
				return err
			}
			return handler(srv, ss)
		}),
	)
	greetv1.RegisterGreetServiceServer(server, &everyKind{})
	e := &endpoint{tokens: tokens}
	return dial(t, server, grpcauth.PlaintextClientOptions(client.NewSource(e.fetch))...)
}
