package connectauth_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect"

	"github.com/oidcrpc/oidcrpc/connectauth"
	"github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connect"
	"github.com/oidcrpc/oidcrpc/interceptor/client"
	"github.com/oidcrpc/oidcrpc/internal/dpoptest"
)

// guarded is an interceptor of a server behind a guard, which knows itself by an origin.
type guarded struct {
	*dpoptest.Guard

	origin    string
	inTrailer bool // where the nonce is
}

func (g guarded) admit(method string, spec connect.Spec, request, header, trailer http.Header) error {
	answer := g.Admit(dpoptest.Request{
		Method: method, Target: g.origin + spec.Procedure,
		Authorization: request.Values("Authorization"), Proofs: request.Values("DPoP"),
	})
	switch {
	case answer.Nonce == "":
	case g.inTrailer:
		trailer.Set("DPoP-Nonce", answer.Nonce)
	default:
		header.Set("DPoP-Nonce", answer.Nonce)
	}
	if answer.Challenge == "" {
		return nil
	}
	header.Set("WWW-Authenticate", answer.Challenge)
	return connect.NewError(connect.CodeUnauthenticated, errors.New("no"))
}

func (g guarded) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		info, _ := connect.CallInfoForHandlerContext(ctx)
		if err := g.admit(req.HTTPMethod(), req.Spec(), req.Header(), info.ResponseHeader(), info.ResponseTrailer()); err != nil {
			return nil, err
		}
		return next(ctx, req)
	}
}

func (g guarded) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) error {
		if err := g.admit(http.MethodPost, conn.Spec(), conn.RequestHeader(), conn.ResponseHeader(), conn.ResponseTrailer()); err != nil {
			return err
		}
		return next(ctx, conn)
	}
}

func (guarded) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

func TestClientProvesThatItHoldsItsTokensKey(t *testing.T) {
	for protocol, options := range protocols {
		t.Run(protocol+", the transport proves", func(t *testing.T) {
			dpoptest.TestClient(t, "", func(
				t *testing.T, g *dpoptest.Guard, tokens *client.Source,
			) map[string]func(context.Context) error {
				return calls(t, guarded{Guard: g}, tokens, true, options...)
			})
		})
		t.Run(protocol+", the interceptor proves", func(t *testing.T) {
			const origin = "https://api.example"
			dpoptest.TestClient(t, origin, func(
				t *testing.T, g *dpoptest.Guard, tokens *client.Source,
			) map[string]func(context.Context) error {
				return calls(t, guarded{Guard: g, origin: origin, inTrailer: true}, tokens, false, options...)
			})
		})
	}
}

// calls returns calls to a server at its own URL, below a path, unless it knows itself by another.
func calls(
	t *testing.T, g guarded, tokens *client.Source, proving bool, options ...connect.ClientOption,
) map[string]func(context.Context) error {
	t.Helper()
	const path = "/below/this"
	mux := http.NewServeMux()
	server := serve(t, http.StripPrefix(path, mux))
	if g.origin == "" {
		g.origin = server.URL + path
	}
	mux.Handle(greetv1connect.NewGreetServiceHandler(&everyKind{}, connect.WithInterceptors(g)))
	httpClient := server.Client()
	if proving {
		httpClient.Transport = tokens.Transport(httpClient.Transport)
	}
	greeter := greetv1connect.NewGreetServiceClient(httpClient, server.URL+path,
		append(options, connect.WithInterceptors(connectauth.NewClientInterceptor(tokens)))...)
	calls := make(map[string]func(context.Context) error)
	for kind, call := range kinds {
		calls[kind] = func(ctx context.Context) error { return call(ctx, greeter) }
	}
	return calls
}

// A GET's URL has a query, which no proof names.
func TestClientProvesTheMethodItUses(t *testing.T) {
	g := dpoptest.NewGuard()
	greet := calls(t, guarded{Guard: g}, g.NewSource(t, nil), true, connect.WithHTTPGet())["unary"]
	if err := greet(t.Context()); err != nil || g.Err() != nil {
		t.Errorf("the call fails: %v, %v", err, g.Err())
	}
	if got := g.Methods(); !slices.Equal(got, []string{http.MethodGet}) {
		t.Errorf("it was made by %q, want GET", got)
	}
}

func TestClientWithoutATransportThatProvesHearsSo(t *testing.T) {
	for kind := range kinds {
		g := dpoptest.NewGuard()
		err := calls(t, guarded{Guard: g}, g.NewSource(t, nil), false)[kind](t.Context())
		refusal, ok := errors.AsType[*client.Refusal](err)
		if !ok || refusal.Err == nil || !strings.Contains(refusal.Err.Error(), "Source.Transport") {
			t.Errorf("%s: err = %v, want a Refusal that names the missing part", kind, err)
		}
		if tokens, calls := g.Count(); tokens != 1 || calls != 1 {
			t.Errorf("%s: %d tokens and %d attempts, want one each", kind, tokens, calls)
		}
	}
}
