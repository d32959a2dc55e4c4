package connectauth_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"

	"connectrpc.com/connect"

	"github.com/oidcrpc/oidcrpc/connectauth"
	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connect"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

type greetFunc func(context.Context, *connect.Request[greetv1.GreetRequest]) (*connect.Response[greetv1.GreetResponse], error)

// A shared cache has no part in this. nginx's is one that keeps what it may, and hands it
// to callers without a token.
func TestSharedCachesKeepNothingThatNeedsAToken(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	good := issuer.Token(nil)
	policy := func(access interceptor.Access) *interceptor.Authenticator {
		return newAuth(t, issuer, interceptor.WithPolicy(interceptor.Policy{"/*": {Access: access}}))
	}
	greet := echo{}.Greet
	refuse := func(ctx context.Context, _ *connect.Request[greetv1.GreetRequest]) (*connect.Response[greetv1.GreetResponse], error) {
		return nil, connectauth.Refuse(ctx, errors.New("no"))
	}
	fail := func(context.Context, *connect.Request[greetv1.GreetRequest]) (*connect.Response[greetv1.GreetResponse], error) {
		return nil, connect.NewError(connect.CodeNotFound, nil)
	}
	chooseInResponse := func(context.Context, *connect.Request[greetv1.GreetRequest]) (*connect.Response[greetv1.GreetResponse], error) {
		res := connect.NewResponse(&greetv1.GreetResponse{})
		res.Header().Set("Cache-Control", "max-age=60")
		return res, nil
	}
	chooseInContext := func(ctx context.Context, _ *connect.Request[greetv1.GreetRequest]) (*connect.Response[greetv1.GreetResponse], error) {
		info, _ := connect.CallInfoForHandlerContext(ctx)
		info.ResponseHeader().Set("Cache-Control", "max-age=60")
		return connect.NewResponse(&greetv1.GreetResponse{}), nil
	}
	chooseInError := func(context.Context, *connect.Request[greetv1.GreetRequest]) (*connect.Response[greetv1.GreetResponse], error) {
		return nil, connect.NewNotModifiedError(http.Header{"Cache-Control": {"max-age=60"}})
	}
	for _, tt := range []struct {
		name   string
		auth   *interceptor.Authenticator
		greet  greetFunc
		token  string
		method string
		want   []string
	}{
		{"admitted", policy(interceptor.AccessRequired), greet, good, http.MethodGet, []string{"private"}},
		{"refused", policy(interceptor.AccessRequired), greet, "", http.MethodGet, []string{"private"}},
		{"refused by the handler", policy(interceptor.AccessRequired), refuse, good, http.MethodGet, []string{"private"}},
		{"refused by the handler, without a token", policy(interceptor.AccessPublic), refuse, "", http.MethodGet, []string{"private"}},
		{"failed", policy(interceptor.AccessRequired), fail, good, http.MethodGet, []string{"private"}},

		{"chosen in the response", policy(interceptor.AccessRequired), chooseInResponse, good, http.MethodGet, []string{"max-age=60"}},
		{"chosen in the context", policy(interceptor.AccessRequired), chooseInContext, good, http.MethodGet, []string{"max-age=60"}},
		{"chosen in the error", policy(interceptor.AccessRequired), chooseInError, good, http.MethodGet, []string{"max-age=60"}},

		{"public", policy(interceptor.AccessPublic), greet, good, http.MethodGet, nil},
		{"anonymous", policy(interceptor.AccessOptional), greet, "", http.MethodGet, nil},
		{"admitted, POST", policy(interceptor.AccessRequired), greet, good, http.MethodPost, nil},
		{"refused, POST", policy(interceptor.AccessRequired), greet, "", http.MethodPost, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			safe := connect.WithIdempotency(connect.IdempotencyNoSideEffects)
			handler := connect.NewUnaryHandler(greetv1connect.GreetServiceGreetProcedure, tt.greet, safe, secured(tt.auth))
			for name, handler := range map[string]http.Handler{
				"alone":             handler,
				"behind middleware": connectauth.NewMiddleware(tt.auth).Wrap(handler),
				"with another context": connect.NewUnaryHandler(greetv1connect.GreetServiceGreetProcedure, tt.greet, safe,
					connect.WithInterceptors(detach, connectauth.NewInterceptor(tt.auth))),
			} {
				if name == "with another context" && (tt.name == "failed" || tt.name == "chosen in the context") {
					continue // the header is out of reach
				}
				server := serve(t, handler)
				req, err := http.NewRequestWithContext(t.Context(), tt.method,
					server.URL+greetv1connect.GreetServiceGreetProcedure+"?connect=v1&encoding=json&message={}", http.NoBody)
				if err != nil {
					t.Fatal(err)
				}
				if tt.method == http.MethodPost {
					req.Header.Set("Content-Type", "application/proto")
				}
				if tt.token != "" {
					req.Header.Set("Authorization", "Bearer "+tt.token)
				}
				res, err := server.Client().Do(req)
				if err != nil {
					t.Fatal(err)
				}
				_ = res.Body.Close()
				if got := res.Header["Cache-Control"]; !slices.Equal(got, tt.want) {
					t.Errorf("%s: %s, Cache-Control is %q, want %q", name, res.Status, got, tt.want)
				}
			}
		})
	}
}

// detach replaces the context, as an interceptor may.
var detach = connect.UnaryInterceptorFunc(func(next connect.UnaryFunc) connect.UnaryFunc {
	return func(_ context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		return next(context.Background(), req)
	}
})
