package connectauth_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"

	"connectrpc.com/connect/v2"

	connectauth "github.com/oidcrpc/oidcrpc/connectauth/v2"
	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	greetv1connect "github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connectv2"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// greeting is a service with one procedure, which does as it's told.
type greeting struct {
	greetv1connect.UnimplementedGreetServiceHandler

	greet func(context.Context) error
}

func (g greeting) Greet(ctx context.Context, _ *greetv1.GreetRequest) (*greetv1.GreetResponse, error) {
	if err := g.greet(ctx); err != nil {
		return nil, err
	}
	return &greetv1.GreetResponse{}, nil
}

func TestSharedCachesKeepNothingThatNeedsAToken(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	good := issuer.Token(nil)
	greet := func(context.Context) error { return nil }
	refuse := func(ctx context.Context) error { return connectauth.Refuse(ctx, errors.New("no")) }
	choose := func(ctx context.Context) error {
		info, _ := connect.CallInfoForServerContext(ctx)
		info.ResponseHeader().Set("Cache-Control", "max-age=60")
		return nil
	}
	for _, tt := range []struct {
		name   string
		access interceptor.Access
		greet  func(context.Context) error
		token  string
		method string
		want   []string
	}{
		{"admitted", interceptor.AccessRequired, greet, good, http.MethodGet, []string{"private"}},
		{"refused", interceptor.AccessRequired, greet, "", http.MethodGet, []string{"private"}},
		{"refused by the handler", interceptor.AccessRequired, refuse, good, http.MethodGet, []string{"private"}},
		{"refused by the handler, without a token", interceptor.AccessPublic, refuse, "", http.MethodGet, []string{"private"}},
		{"the handler's choice", interceptor.AccessRequired, choose, good, http.MethodGet, []string{"max-age=60"}},
		{"public", interceptor.AccessPublic, greet, good, http.MethodGet, nil},
		{"anonymous", interceptor.AccessOptional, greet, "", http.MethodGet, nil},
		{"a POST", interceptor.AccessRequired, greet, good, http.MethodPost, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			auth := newAuth(t, issuer, interceptor.WithPolicy(interceptor.Policy{"/*": {Access: tt.access}}))
			server := serve(t, mount(newServer(auth, greeting{greet: tt.greet})))
			url := server.URL + greetv1connect.GreetServiceGreetProcedure
			if tt.method == http.MethodGet {
				url += "?connect=v1&encoding=proto&message="
			}
			req, err := http.NewRequestWithContext(t.Context(), tt.method, url, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", "application/proto")
			if tt.token != "" {
				req.Header.Set("Authorization", "Bearer "+tt.token)
			}
			res, err := server.Client().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			if got := res.Header.Values("Cache-Control"); !slices.Equal(got, tt.want) {
				t.Errorf("status %d, Cache-Control = %q, want %q", res.StatusCode, got, tt.want)
			}
		})
	}
}
