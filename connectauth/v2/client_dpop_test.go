package connectauth_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"connectrpc.com/connect/v2/connectinprocess"

	connectauth "github.com/oidcrpc/oidcrpc/connectauth/v2"
	greetv1connect "github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connectv2"
	"github.com/oidcrpc/oidcrpc/interceptor/client"
	"github.com/oidcrpc/oidcrpc/internal/dpoptest"
)

// guarded is a server behind a guard, which knows itself by an origin.
type guarded struct {
	*dpoptest.Guard

	origin    string
	inTrailer bool // where the nonce is, if a client can read it there
}

func (g guarded) intercept(next connect.ServerFunc) connect.ServerFunc {
	return func(ctx context.Context, spec connect.Spec, stream connect.ServerStream) error {
		info, _ := connect.CallInfoForServerContext(ctx)
		method := http.MethodPost
		if overHTTP, ok := connecthttp.ServerInfoForContext(ctx); ok {
			method = overHTTP.HTTPMethod()
		}
		answer := g.Admit(dpoptest.Request{
			Method: method, Target: g.origin + spec.Procedure,
			Authorization: info.RequestHeader().Values("Authorization"), Proofs: info.RequestHeader().Values("DPoP"),
		})
		isUnread := answer.Challenge == "" && spec.StreamType == connect.StreamTypeClient
		switch {
		case answer.Nonce == "":
		case g.inTrailer && !isUnread:
			info.ResponseTrailer().Set("DPoP-Nonce", answer.Nonce)
		default:
			info.ResponseHeader().Set("DPoP-Nonce", answer.Nonce)
		}
		if answer.Challenge != "" {
			info.ResponseHeader().Set("WWW-Authenticate", answer.Challenge)
			return connect.NewError(connect.CodeUnauthenticated, "no")
		}
		return next(ctx, spec, stream)
	}
}

func (g guarded) server() *connect.Server {
	server := connect.NewServer(g.intercept)
	greetv1connect.RegisterGreetServiceHandler(server, echo{})
	return server
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
	for where, inTrailer := range map[string]bool{"header": false, "trailer": true} {
		t.Run("in process, nonce in the "+where, func(t *testing.T) {
			const origin = "https://api.example"
			dpoptest.TestClient(t, origin, func(
				_ *testing.T, g *dpoptest.Guard, tokens *client.Source,
			) map[string]func(context.Context) error {
				calls := callsOver(connectinprocess.New(guarded{g, origin, inTrailer}.server()), tokens)
				delete(calls, "client stream")
				return calls
			})
		})
	}
}

// A client never reads to the end of such a call, and learns no nonce before it. So each new one
// costs an attempt.
func TestClientStreamInProcessProves(t *testing.T) {
	const origin = "https://api.example"
	g := dpoptest.NewGuard()
	d, err := client.NewDPoP(client.DPoPConfig{Origin: origin})
	if err != nil {
		t.Fatal(err)
	}
	call := callsOver(connectinprocess.New(guarded{g, origin, false}.server()), g.NewSource(t, d))["client stream"]
	for range 2 {
		g.WantNonce(dpoptest.Resource)
		if err := call(t.Context()); err != nil || g.Err() != nil {
			t.Errorf("the call fails: %v, %v", err, g.Err())
		}
	}
	if tokens, attempts := g.Count(); tokens != 1 || attempts != 4 {
		t.Errorf("%d tokens and %d attempts, want 1 and 4", tokens, attempts)
	}
}

// calls returns calls to a server at its own URL, below a path, unless it knows itself by another.
func calls(
	t *testing.T, g guarded, tokens *client.Source, proving bool, options ...connecthttp.Option,
) map[string]func(context.Context) error {
	t.Helper()
	const path = "/below/this"
	mux := http.NewServeMux()
	server := serve(t, http.StripPrefix(path, mux))
	if g.origin == "" {
		g.origin = server.URL + path
	}
	mux.Handle("/", mount(g.server()))
	httpClient := server.Client()
	if proving {
		httpClient.Transport = tokens.Transport(httpClient.Transport)
	}
	return callsOver(connecthttp.NewTransport(httpClient, server.URL+path, options...), tokens)
}

func callsOver(transport connect.Transport, tokens *client.Source) map[string]func(context.Context) error {
	greeter := greetv1connect.NewGreetServiceClient(
		connect.NewClient(transport, connectauth.NewClientInterceptor(tokens)))
	calls := make(map[string]func(context.Context) error)
	for kind, call := range kinds {
		calls[kind] = func(ctx context.Context) error { return call(ctx, greeter) }
	}
	return calls
}

// A GET's URL has a query, which no proof names.
func TestClientProvesTheMethodItUses(t *testing.T) {
	g := dpoptest.NewGuard()
	greet := calls(t, guarded{Guard: g}, g.NewSource(t, nil), true, connecthttp.WithHTTPGet())["unary"]
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
