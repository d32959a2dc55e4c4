package connectauth_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"connectrpc.com/connect/v2/connectinprocess"
	"golang.org/x/oauth2"

	connectauth "github.com/oidcrpc/oidcrpc/connectauth/v2"
	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	greetv1connect "github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connectv2"
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

// scene is a client whose tokens come from an endpoint, and its server.
type scene struct {
	*endpoint

	calls, reached atomic.Int64
	client         greetv1connect.GreetServiceClient
}

// forEach makes a scene for each kind of call in each protocol, and in process.
func forEach(
	t *testing.T, auth *interceptor.Authenticator, tokens []string, test func(t *testing.T, s *scene, call func() error),
) {
	t.Helper()
	for protocol, options := range protocols {
		for kind, call := range kinds {
			t.Run(protocol+", "+kind, func(t *testing.T) {
				s := newScene(t, auth, tokens, options...)
				test(t, s, func() error { return call(t.Context(), s.client) })
			})
		}
	}
	for kind, call := range kinds {
		t.Run("in process, "+kind, func(t *testing.T) {
			s := newSceneInProcess(t, auth, tokens)
			test(t, s, func() error { return call(t.Context(), s.client) })
		})
	}
}

func newScene(t *testing.T, auth *interceptor.Authenticator, tokens []string, options ...connecthttp.Option) *scene {
	t.Helper()
	s := &scene{endpoint: &endpoint{tokens: tokens}}
	handler := mount(newServer(auth, echo{&s.reached}))
	server := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.calls.Add(1)
		handler.ServeHTTP(w, r)
	}))
	s.dial(connecthttp.NewTransport(server.Client(), server.URL, options...))
	return s
}

func newSceneInProcess(t *testing.T, auth *interceptor.Authenticator, tokens []string) *scene {
	t.Helper()
	s := &scene{endpoint: &endpoint{tokens: tokens}}
	count := func(next connect.ServerFunc) connect.ServerFunc {
		return func(ctx context.Context, spec connect.Spec, conn connect.ServerStream) error {
			s.calls.Add(1)
			return next(ctx, spec, conn)
		}
	}
	server := connect.NewServer(count, connectauth.NewServerInterceptor(auth))
	greetv1connect.RegisterGreetServiceHandler(server, echo{&s.reached})
	s.dial(connectinprocess.New(server))
	return s
}

func (s *scene) dial(transport connect.Transport) {
	intercept := connectauth.NewClientInterceptor(s.source())
	s.client = greetv1connect.NewGreetServiceClient(connect.NewClient(transport, intercept))
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
				if got := s.reached.Load(); got != 1 {
					t.Errorf("the handler ran %d times, want once", got)
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
	stream, err := s.client.Collect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_ = stream.Send(&greetv1.CollectRequest{Name: "Ada"})
	_ = stream.Send(&greetv1.CollectRequest{Name: "Eve"})
	_, err = stream.CloseAndReceive()
	wantRefusal(t, err, connect.CodeUnauthenticated, verifier.CodeTokenExpired)
	s.want(t, 1, 1)
}

// A CallInfo that is used again holds what the first attempt has left.
func TestCallInfoShowsTheLastAttempt(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	s := newScene(t, newAuth(t, issuer), []string{expired(issuer), issuer.Token(nil)})
	ctx, info := connect.NewClientContext(t.Context())
	for range 2 {
		if _, err := s.client.Greet(ctx, &greetv1.GreetRequest{}); err != nil {
			t.Errorf("the call fails: %v", err)
		}
		if got := info.ResponseHeader().Values("WWW-Authenticate"); len(got) != 0 {
			t.Errorf("an accepted call shows the challenge %q of its first attempt", got)
		}
	}
	s.want(t, 3, 2)
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
	handler := mount(newServer(newAuth(t, verifiertest.NewIssuer(), interceptor.WithPolicy(
		interceptor.Policy{"/*": {Access: interceptor.AccessPublic}})), echo{}))
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
	for _, body := range []string{`{"code":"unauthenticated","message":"no"}`, `{"error":"invalid_token"}`, "<html>"} {
		server := serveGateway(t, body)
		for second, want := range map[string]verifier.Code{"b": "", "c": verifier.CodeInvalidToken} {
			s := &scene{endpoint: &endpoint{tokens: []string{"a", second}}}
			s.dial(connecthttp.NewTransport(server.Client(), server.URL))
			_, err := s.client.Greet(t.Context(), &greetv1.GreetRequest{})
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
	for kind, call := range kinds {
		if kind == "unary" {
			continue
		}
		s := &scene{endpoint: &endpoint{tokens: []string{"a", "b"}}}
		s.dial(connecthttp.NewTransport(server.Client(), server.URL))
		wantRefusal(t, call(t.Context(), s.client), connect.CodeUnauthenticated, "")
	}
}

// A handle that's used again reports the latest call, and may be for another server.
func TestHandleThatIsUsedAgainBringsNoTokenElsewhere(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	auth := newAuth(t, issuer)
	tokens := []string{issuer.Token(nil)}
	scenes := map[string]func(*testing.T) *scene{
		"over HTTP":  func(t *testing.T) *scene { return newScene(t, auth, tokens) },
		"in process": func(t *testing.T) *scene { return newSceneInProcess(t, auth, tokens) },
	}
	for place, scene := range scenes {
		for kind, call := range kinds {
			for _, own := range []string{"", "Basic YTpi"} {
				t.Run(place+", "+kind+", "+own, func(t *testing.T) {
					s := scene(t)
					var seen atomic.Pointer[string]
					other := newClient(serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						got := r.Header.Get("Authorization")
						seen.Store(&got)
						w.WriteHeader(http.StatusNotFound)
					})))
					ctx, info := connect.NewClientContext(t.Context())
					if own != "" {
						info.RequestHeader().Set("Authorization", own)
					}
					if err := call(ctx, s.client); err != nil {
						t.Fatal(err)
					}
					_ = call(ctx, other) // there's nothing
					if got := seen.Load(); got == nil || *got != own {
						t.Errorf("the other server got %q, want %q", *got, own)
					}
				})
			}
		}
	}
}
