package connectauth_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"
	"golang.org/x/oauth2"

	"github.com/oidcrpc/oidcrpc/connectauth"
	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connect"
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

// everyKind answers every kind of call.
type everyKind struct {
	got atomic.Pointer[[]string] // the names that arrived
}

func (e *everyKind) Greet(
	_ context.Context, req *connect.Request[greetv1.GreetRequest],
) (*connect.Response[greetv1.GreetResponse], error) {
	e.got.Store(&[]string{req.Msg.GetName()})
	return connect.NewResponse(&greetv1.GreetResponse{}), nil
}

func (e *everyKind) Watch(
	_ context.Context, req *connect.Request[greetv1.WatchRequest], stream *connect.ServerStream[greetv1.WatchResponse],
) error {
	e.got.Store(&[]string{req.Msg.GetName()})
	return stream.Send(&greetv1.WatchResponse{})
}

func (e *everyKind) Collect(
	_ context.Context, stream *connect.ClientStream[greetv1.CollectRequest],
) (*connect.Response[greetv1.CollectResponse], error) {
	var names []string
	for stream.Receive() {
		names = append(names, stream.Msg().GetName())
	}
	e.got.Store(&names)
	return connect.NewResponse(&greetv1.CollectResponse{}), stream.Err()
}

func (e *everyKind) Converse(
	_ context.Context, stream *connect.BidiStream[greetv1.ConverseRequest, greetv1.ConverseResponse],
) error {
	for {
		req, err := stream.Receive()
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
var kinds = map[string]func(context.Context, greetv1connect.GreetServiceClient) error{
	"unary": func(ctx context.Context, client greetv1connect.GreetServiceClient) error {
		_, err := client.Greet(ctx, connect.NewRequest(&greetv1.GreetRequest{Name: "Ada"}))
		return err
	},
	"server stream": func(ctx context.Context, client greetv1connect.GreetServiceClient) error {
		stream, err := client.Watch(ctx, connect.NewRequest(&greetv1.WatchRequest{Name: "Ada"}))
		if err != nil {
			return err
		}
		defer stream.Close()
		for stream.Receive() {
		}
		return stream.Err()
	},
	"client stream": func(ctx context.Context, client greetv1connect.GreetServiceClient) error {
		stream := client.Collect(ctx)
		if err := stream.Send(&greetv1.CollectRequest{Name: "Ada"}); err != nil {
			return err
		}
		_, err := stream.CloseAndReceive()
		return err
	},
	"bidi stream": func(ctx context.Context, client greetv1connect.GreetServiceClient) error {
		stream := client.Converse(ctx)
		defer stream.CloseResponse()
		if err := stream.Send(&greetv1.ConverseRequest{Name: "Ada"}); err != nil {
			return err
		}
		if _, err := stream.Receive(); err != nil {
			return err
		}
		if err := stream.CloseRequest(); err != nil {
			return err
		}
		if _, err := stream.Receive(); !errors.Is(err, io.EOF) {
			return err
		}
		return nil
	},
}

var protocols = map[string][]connect.ClientOption{
	"Connect":  nil,
	"gRPC":     {connect.WithGRPC()},
	"gRPC-Web": {connect.WithGRPCWeb()},
}

// scene is a client whose tokens come from an endpoint, and its server.
type scene struct {
	*endpoint

	calls   atomic.Int64
	handler *everyKind
	client  greetv1connect.GreetServiceClient
}

// forEach makes a scene for each kind of call in each protocol.
func forEach(
	t *testing.T, auth *interceptor.Authenticator, tokens []string, test func(t *testing.T, s *scene, call func() error),
) {
	t.Helper()
	for protocol, options := range protocols {
		for kind, call := range kinds {
			t.Run(protocol+", "+kind, func(t *testing.T) {
				s := newScene(t, auth, tokens, options...)
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				test(t, s, func() error { return call(ctx, s.client) })
			})
		}
	}
}

func newScene(t *testing.T, auth *interceptor.Authenticator, tokens []string, options ...connect.ClientOption) *scene {
	t.Helper()
	s := &scene{endpoint: &endpoint{tokens: tokens}, handler: &everyKind{}}
	_, handler := greetv1connect.NewGreetServiceHandler(s.handler, secured(auth))
	server := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.calls.Add(1)
		handler.ServeHTTP(w, r)
	}))
	intercept := connect.WithInterceptors(connectauth.NewClientInterceptor(s.source()))
	s.client = newClient(server, append(options, intercept)...)
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
		t.Run(name, func(t *testing.T) {
			tokens := []string{first, issuer.Token(nil)}
			forEach(t, newAuth(t, issuer), tokens, func(t *testing.T, s *scene, call func() error) {
				if err := call(); err != nil {
					t.Errorf("the call fails: %v", err)
				}
				s.want(t, 2, 2)
				if got := s.handler.got.Load(); got == nil || !slices.Equal(*got, []string{"Ada"}) {
					t.Errorf("the handler got %v, want the message once", got)
				}
			})
		})
	}
}

func TestCallThatIsAcceptedWhenSentAgainCostsNothing(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	tokens := []string{expired(issuer), issuer.Token(nil)}
	for kind, call := range kinds {
		t.Run(kind, func(t *testing.T) {
			s := newScene(t, newAuth(t, issuer), tokens)
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
	tokens := []string{expired(issuer), issuer.Token(map[string]any{"exp": time.Now().Add(-time.Hour)}), issuer.Token(nil)}
	forEach(t, newAuth(t, issuer), tokens, func(t *testing.T, s *scene, call func() error) {
		wantRefusal(t, call(), connect.CodeUnauthenticated, verifier.CodeTokenExpired)
		s.want(t, 2, 2)
	})
}

func wantRefusal(t *testing.T, err error, code connect.Code, reason verifier.Code) *client.Refusal {
	t.Helper()
	if connect.CodeOf(err) != code {
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
		code   connect.Code
		reason verifier.Code
		scopes []string
	}{
		{"another audience", map[string]any{"aud": "https://other.test"}, connect.CodeUnauthenticated, verifier.CodeInvalidAudience, nil},
		{"a missing scope", map[string]any{"scope": "read"}, connect.CodePermissionDenied, verifier.CodeInsufficientScope, []string{"read", "write"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			tokens := []string{issuer.Token(test.claims), issuer.Token(map[string]any{"scope": "read write"})}
			forEach(t, newAuth(t, issuer, policy), tokens, func(t *testing.T, s *scene, call func() error) {
				refusal := wantRefusal(t, call(), test.code, test.reason)
				if !slices.Equal(refusal.Scopes, test.scopes) {
					t.Errorf("Scopes = %q, want %q", refusal.Scopes, test.scopes)
				}
				s.want(t, 1, 1)
			})
		})
	}
}

func TestCallThatLacksAScopeIsSentAgainWithWhatTheUserGrants(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	policy := interceptor.WithPolicy(interceptor.Policy{"/*": {Require: verifier.Requirement{Scopes: []string{"write"}}}})
	tokens := []string{issuer.Token(map[string]any{"scope": "read"})}
	forEach(t, newAuth(t, issuer, policy), tokens, func(t *testing.T, s *scene, call func() error) {
		s.granted = issuer.Token(map[string]any{"scope": "read write"})
		if err := call(); err != nil {
			t.Errorf("the call fails: %v", err)
		}
		s.want(t, 2, 1)
		if err := call(); err != nil {
			t.Errorf("another call fails: %v", err)
		}
		s.want(t, 3, 1)
	})
}

func TestCallWithoutATokenIsNotMade(t *testing.T) {
	forEach(t, newAuth(t, verifiertest.NewIssuer()), nil, func(t *testing.T, s *scene, call func() error) {
		err := call()
		tokenErr, ok := errors.AsType[*client.TokenError](err)
		if connect.CodeOf(err) != connect.CodeUnavailable || !ok || tokenErr.RetryAfter <= 0 {
			t.Errorf("err = %v, want Unavailable with a TokenError", err)
		}
		connectErr, _ := errors.AsType[*connect.Error](err)
		if got := connectErr.Message(); got != "no access token is available at the moment" {
			t.Errorf("message = %q, want nothing of the cause", got)
		}
		if s.calls.Load() != 0 {
			t.Error("the server was called")
		}
	})
}

func TestCallersCancelIsNoOutage(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	s := newScene(t, newAuth(t, issuer), []string{issuer.Token(nil)})
	for kind, call := range kinds {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := call(ctx, s.client); connect.CodeOf(err) != connect.CodeCanceled {
			t.Errorf("%s: %v, want Canceled", kind, err)
		}
	}
}

// The server would get a part of the messages, and take it for the whole.
func TestStreamThatHasSentMoreThanOneMessageIsNotSentAgain(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	s := newScene(t, newAuth(t, issuer), []string{expired(issuer), issuer.Token(nil)})
	stream := s.client.Collect(t.Context())
	_ = stream.Send(&greetv1.CollectRequest{Name: "Ada"})
	_ = stream.Send(&greetv1.CollectRequest{Name: "Eve"})
	_, err := stream.CloseAndReceive()
	wantRefusal(t, err, connect.CodeUnauthenticated, verifier.CodeTokenExpired)
	s.want(t, 1, 1)
}

// What the user has added to the request goes with the second attempt, too.
func TestStreamBeginsAgainWithItsHeaders(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	_, handler := greetv1connect.NewGreetServiceHandler(&everyKind{}, secured(newAuth(t, issuer)))
	var seen []string
	server := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Header.Get("X-Trace"))
		handler.ServeHTTP(w, r)
	}))
	tokens := &endpoint{tokens: []string{expired(issuer), issuer.Token(nil)}}
	client := newClient(server, connect.WithInterceptors(connectauth.NewClientInterceptor(client.NewSource(tokens.fetch))))
	stream := client.Collect(t.Context())
	stream.RequestHeader().Set("X-Trace", "trace")
	_ = stream.Send(&greetv1.CollectRequest{})
	if _, err := stream.CloseAndReceive(); err != nil {
		t.Errorf("the call fails: %v", err)
	}
	if !slices.Equal(seen, []string{"trace", "trace"}) {
		t.Errorf("X-Trace = %q, want it twice", seen)
	}
}

func TestRequestUsedAgainSendsTheCurrentToken(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	s := newScene(t, newAuth(t, issuer), []string{expired(issuer), issuer.Token(nil)})
	req := connect.NewRequest(&greetv1.GreetRequest{})
	for range 2 {
		if _, err := s.client.Greet(t.Context(), req); err != nil {
			t.Errorf("the call fails: %v", err)
		}
	}
	s.want(t, 3, 2)
}

func TestClientInterceptorDoesNothingOnAHandler(t *testing.T) {
	tokens := &endpoint{}
	_, handler := greetv1connect.NewGreetServiceHandler(&everyKind{},
		connect.WithInterceptors(connectauth.NewClientInterceptor(client.NewSource(tokens.fetch))))
	client := newClient(serve(t, handler))
	for kind, call := range kinds {
		if err := call(t.Context(), client); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
	if tokens.asked.Load() != 0 {
		t.Error("a handler has asked for a token")
	}
}

func TestNilSourcePanicsAtConstruction(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("NewClientInterceptor(nil) did not panic")
		}
	}()
	connectauth.NewClientInterceptor(nil)
}

// A gateway in front takes the token b alone, and answers with a challenge and its own body.
func serveGateway(t *testing.T, body string) *httptest.Server {
	t.Helper()
	_, handler := greetv1connect.NewGreetServiceHandler(&everyKind{})
	return serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "Bearer b" {
			handler.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("WWW-Authenticate", `Bearer realm="x", error="invalid_token", DPoP algs="ES256"`)
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = w.Write([]byte(body))
	}))
}

func TestGatewaysChallengeCounts(t *testing.T) {
	for _, body := range []string{`{"code":"unauthenticated","message":"no"}`, `{"error":"invalid_token"}`} {
		server := serveGateway(t, body)
		for second, want := range map[string]verifier.Code{"b": "", "c": verifier.CodeInvalidToken} {
			tokens := &endpoint{tokens: []string{"a", second}}
			client := newClient(server, connect.WithInterceptors(connectauth.NewClientInterceptor(client.NewSource(tokens.fetch))))
			err := kinds["unary"](t.Context(), client)
			if want == "" {
				if err != nil {
					t.Errorf("%s: the call fails: %v", body, err)
				}
				continue
			}
			if refusal := wantRefusal(t, err, connect.CodeUnauthenticated, want); len(refusal.Challenges) != 2 {
				t.Errorf("%s: Challenges = %v, want both", body, refusal.Challenges)
			}
		}
	}
}

// What connect-go drops, we can't read. There's no code, and no second attempt.
func TestGatewaysAnswerThatConnectDropsIsStillARefusal(t *testing.T) {
	server := serveGateway(t, "<html>")
	for protocol, options := range protocols {
		for kind, call := range kinds {
			if protocol == "Connect" || kind == "unary" {
				tokens := &endpoint{tokens: []string{"a", "b"}}
				intercept := connect.WithInterceptors(connectauth.NewClientInterceptor(client.NewSource(tokens.fetch)))
				err := call(t.Context(), newClient(server, append(options, intercept)...))
				wantRefusal(t, err, connect.CodeUnauthenticated, "")
			}
		}
	}
}
