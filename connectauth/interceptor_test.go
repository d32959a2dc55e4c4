package connectauth_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"connectrpc.com/connect"

	"github.com/oidcrpc/oidcrpc/connectauth"
	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connect"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

func TestNilAuthenticatorPanicsAtConstruction(t *testing.T) {
	for name, construct := range map[string]func(){
		"NewInterceptor": func() { connectauth.NewInterceptor(nil) },
		"NewMiddleware":  func() { connectauth.NewMiddleware(nil) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s(nil) did not panic", name)
				}
			}()
			construct()
		}()
	}
}

// echo answers unary calls and server streams with the caller's subject.
type echo struct {
	greetv1connect.UnimplementedGreetServiceHandler
}

func (echo) Greet(
	ctx context.Context, _ *connect.Request[greetv1.GreetRequest],
) (*connect.Response[greetv1.GreetResponse], error) {
	claims, ok := interceptor.ClaimsFromContext(ctx)
	if !ok {
		return connect.NewResponse(&greetv1.GreetResponse{Greeting: "anonymous"}), nil
	}
	return connect.NewResponse(&greetv1.GreetResponse{Greeting: claims.Subject()}), nil
}

func (echo) Watch(
	ctx context.Context, _ *connect.Request[greetv1.WatchRequest], stream *connect.ServerStream[greetv1.WatchResponse],
) error {
	claims, _ := interceptor.ClaimsFromContext(ctx)
	return stream.Send(&greetv1.WatchResponse{Greeting: claims.Subject()})
}

func TestOneInterceptorSecuresUnaryCallsAndStreams(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	_, handler := greetv1connect.NewGreetServiceHandler(echo{}, secured(newAuth(t, issuer)))
	server := serve(t, handler)
	token := issuer.Token(map[string]any{"sub": "alice"})
	for name, options := range map[string][]connect.ClientOption{
		"Connect": nil, "gRPC": {connect.WithGRPC()}, "gRPC-Web": {connect.WithGRPCWeb()}, "GET": {connect.WithHTTPGet()},
	} {
		t.Run(name, func(t *testing.T) {
			client := newClient(server, options...)
			res, err := client.Greet(t.Context(), withToken(&greetv1.GreetRequest{}, token))
			if err != nil || res.Msg.GetGreeting() != "alice" {
				t.Errorf("Greet: %v, %v", res, err)
			}
			if _, err := client.Greet(t.Context(), connect.NewRequest(&greetv1.GreetRequest{})); connect.CodeOf(err) != connect.CodeUnauthenticated {
				t.Errorf("Greet without a token: %v", err)
			}
			stream, err := client.Watch(t.Context(), withToken(&greetv1.WatchRequest{}, token))
			if err != nil || !stream.Receive() || stream.Msg().GetGreeting() != "alice" {
				t.Errorf("Watch: %v", err)
			}
			_ = stream.Close()
			if stream, err = client.Watch(t.Context(), connect.NewRequest(&greetv1.WatchRequest{})); err != nil {
				t.Fatal(err)
			}
			if stream.Receive() || connect.CodeOf(stream.Err()) != connect.CodeUnauthenticated {
				t.Errorf("Watch without a token: %v", stream.Err())
			}
			_ = stream.Close()
		})
	}
}

// An interceptor in front may start from another context. Then the response header is
// out of reach.
func TestReplacedContextPutsNoChallengeInGRPCTrailers(t *testing.T) {
	detach := connect.UnaryInterceptorFunc(func(next connect.UnaryFunc) connect.UnaryFunc {
		return func(_ context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
			return next(t.Context(), req)
		}
	})
	_, handler := greetv1connect.NewGreetServiceHandler(echo{},
		connect.WithInterceptors(detach, connectauth.NewInterceptor(newAuth(t, verifiertest.NewIssuer()))))
	var log strings.Builder
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = slog.NewLogLogger(slog.NewTextHandler(&log, nil), slog.LevelError)
	server.EnableHTTP2 = true
	server.StartTLS()
	for name, test := range map[string]struct {
		options    []connect.ClientOption
		challenges int
	}{
		"Connect":  {nil, 1},
		"gRPC-Web": {[]connect.ClientOption{connect.WithGRPCWeb()}, 1},
		"gRPC":     {[]connect.ClientOption{connect.WithGRPC()}, 0},
	} {
		_, err := newClient(server, test.options...).Greet(t.Context(), connect.NewRequest(&greetv1.GreetRequest{}))
		connectErr, ok := errors.AsType[*connect.Error](err)
		if !ok || connectErr.Code() != connect.CodeUnauthenticated {
			t.Fatalf("%s: %v, want Unauthenticated", name, err)
		}
		if got := connectErr.Meta().Values("WWW-Authenticate"); len(got) != test.challenges {
			t.Errorf("%s: challenges = %q, want %d", name, got, test.challenges)
		}
	}
	server.Close()
	if log.Len() > 0 {
		t.Errorf("the server's log holds: %s", log.String())
	}
}

func TestInterceptorDoesNothingOnAClient(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	_, handler := greetv1connect.NewGreetServiceHandler(echo{}, secured(newAuth(t, issuer)))
	// The client's own authenticator would refuse everything.
	client := newClient(serve(t, handler), connect.WithInterceptors(
		connectauth.NewInterceptor(newAuth(t, verifiertest.NewIssuer()))))
	token := issuer.Token(nil)
	req := withToken(&greetv1.GreetRequest{}, token)
	if _, err := client.Greet(t.Context(), req); err != nil {
		t.Errorf("Greet: %v", err)
	}
	if got := req.Header().Values("Authorization"); len(got) != 1 || got[0] != "Bearer "+token {
		t.Errorf("the request's authorization became %q", got)
	}
	stream, err := client.Watch(t.Context(), withToken(&greetv1.WatchRequest{}, token))
	if err != nil || !stream.Receive() {
		t.Errorf("Watch: %v", err)
	}
	_ = stream.Close()
}

func TestTokenInAnotherHeaderIsNotRead(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	_, handler := greetv1connect.NewGreetServiceHandler(echo{}, secured(newAuth(t, issuer)))
	client := newClient(serve(t, handler))
	for _, header := range []string{"Authorization-Bin", "Proxy-Authorization", "X-Forwarded-Authorization", "Cookie", "Access_token"} {
		req := connect.NewRequest(&greetv1.GreetRequest{})
		req.Header().Set(header, "Bearer "+issuer.Token(nil))
		if _, err := client.Greet(t.Context(), req); connect.CodeOf(err) != connect.CodeUnauthenticated {
			t.Errorf("%s: %v", header, err)
		}
	}
}
