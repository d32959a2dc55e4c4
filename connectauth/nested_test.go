package connectauth_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect"

	"github.com/oidcrpc/oidcrpc/connectauth"
	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connect"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// A nesting service makes a call within this process, with its own call's context, and
// returns the error.
type nesting struct {
	greetv1connect.UnimplementedGreetServiceHandler

	unary  func(context.Context, http.Header) error
	stream func(context.Context, connect.StreamingHandlerConn) error
}

func (n nesting) Greet(
	ctx context.Context, req *connect.Request[greetv1.GreetRequest],
) (*connect.Response[greetv1.GreetResponse], error) {
	return connect.NewResponse(&greetv1.GreetResponse{}), n.unary(ctx, req.Header())
}

func (n nesting) Watch(
	ctx context.Context, _ *connect.Request[greetv1.WatchRequest], stream *connect.ServerStream[greetv1.WatchResponse],
) error {
	return n.stream(ctx, stream.Conn())
}

// innerRequest is the inner call's request, and innerConn its stream.
type innerRequest struct {
	*connect.Request[greetv1.GreetRequest]

	procedure string
}

func (r innerRequest) Spec() connect.Spec { return connect.Spec{Procedure: r.procedure} }

type innerConn struct {
	connect.StreamingHandlerConn

	procedure string
	header    http.Header
}

func (c innerConn) Spec() connect.Spec          { return connect.Spec{Procedure: c.procedure} }
func (c innerConn) ResponseHeader() http.Header { return c.header }

// observed keeps the stages and codes that an observer sees.
func observed(log *[]string) interceptor.Option {
	return interceptor.WithObserver(func(_ context.Context, d interceptor.Decision) {
		*log = append(*log, fmt.Sprint(d.Stage, " ", d.Code))
	})
}

func TestCallWithinAnotherLeavesItsChallengeAndDecisionsThere(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	denied := interceptor.WithPolicy(interceptor.Policy{"/inner.S/Denied": {Access: interceptor.AccessDenied}})
	wrap := func(err error) error { return fmt.Errorf("wrapped: %w", err) }
	drop := func(error) error { return nil }
	const start, refused = "start ok", "handler permission_denied"
	for _, test := range []struct {
		name         string
		method       string
		refuse       func(outer, inner context.Context) error // the inner handler
		pass         func(error) error                        // what the outer handler makes of its error
		want         connect.Code
		challenged   bool
		outer, inner []string
	}{
		{
			"the inner call is refused at its start", "/inner.S/Denied", nil, wrap,
			connect.CodePermissionDenied, false, []string{start}, []string{"start permission_denied"},
		},
		{
			"the inner handler refuses", "/inner.S/M",
			func(_, inner context.Context) error { return connectauth.Refuse(inner, errors.New("no")) }, wrap,
			connect.CodePermissionDenied, false, []string{start}, []string{start, refused},
		},
		{
			"the outer handler drops the error", "/inner.S/M",
			func(_, inner context.Context) error { return connectauth.Refuse(inner, errors.New("no")) }, drop,
			0, false, []string{start}, []string{start, refused},
		},
		{
			"the inner handler refuses the outer call", "/inner.S/M",
			func(outer, _ context.Context) error { return connectauth.Refuse(outer, errors.New("no")) }, wrap,
			connect.CodePermissionDenied, true, []string{start, refused}, []string{start},
		},
		{
			"the inner handler refuses the outer call, which drops the error", "/inner.S/M",
			func(outer, _ context.Context) error { return connectauth.Refuse(outer, errors.New("no")) }, drop,
			0, false, []string{start}, []string{start},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			var outer, inner []string
			intercept := connectauth.NewInterceptor(newAuth(t, issuer, observed(&inner), denied))
			service := nesting{
				unary: func(ctx context.Context, header http.Header) error {
					req := innerRequest{connect.NewRequest(&greetv1.GreetRequest{}), test.method}
					req.Header().Set("Authorization", header.Get("Authorization"))
					_, err := intercept.WrapUnary(func(innerCtx context.Context, _ connect.AnyRequest) (connect.AnyResponse, error) {
						return nil, test.refuse(ctx, innerCtx)
					})(ctx, req)
					return test.pass(err)
				},
				stream: func(ctx context.Context, conn connect.StreamingHandlerConn) error {
					in := innerConn{conn, test.method, http.Header{}}
					err := intercept.WrapStreamingHandler(func(innerCtx context.Context, _ connect.StreamingHandlerConn) error {
						return test.refuse(ctx, innerCtx)
					})(ctx, in)
					if got, want := len(in.header), len(test.inner)-1; test.method == "/inner.S/M" && got != want {
						t.Errorf("the inner stream has %d challenges, want %d", got, want)
					}
					return test.pass(err)
				},
			}
			_, handler := greetv1connect.NewGreetServiceHandler(service, secured(newAuth(t, issuer, observed(&outer))))
			server := serve(t, handler)
			for name, options := range map[string][]connect.ClientOption{
				"Connect": nil, "gRPC": {connect.WithGRPC()}, "gRPC-Web": {connect.WithGRPCWeb()},
			} {
				check := func(kind string, err error) {
					var code connect.Code
					var challenges []string
					if connectErr, ok := errors.AsType[*connect.Error](err); ok {
						code, challenges = connectErr.Code(), connectErr.Meta().Values("WWW-Authenticate")
					}
					if code != test.want {
						t.Errorf("%s, %s: %v, want %v", name, kind, err, test.want)
					}
					if (len(challenges) == 1) != test.challenged || len(challenges) > 1 {
						t.Errorf("%s, %s: the outer call has challenges %q, want one = %v", name, kind, challenges, test.challenged)
					}
					if !slices.Equal(outer, test.outer) || !slices.Equal(inner, test.inner) {
						t.Errorf("%s, %s: the observers saw %q and %q, want %q and %q",
							name, kind, outer, inner, test.outer, test.inner)
					}
					outer, inner = nil, nil
				}
				client, token := newClient(server, options...), issuer.Token(nil)
				res, err := client.Greet(t.Context(), withToken(&greetv1.GreetRequest{}, token))
				if err == nil && res.Header().Get("WWW-Authenticate") != "" {
					t.Errorf("%s: the outer call succeeds with a challenge", name)
				}
				check("unary", err)
				stream, err := client.Watch(t.Context(), withToken(&greetv1.WatchRequest{}, token))
				if err != nil {
					t.Fatal(err)
				}
				stream.Receive()
				check("stream", stream.Err())
				_ = stream.Close()
			}
		})
	}
}

func TestHandlerServedWithinACallChallengesOnlyItsOwnCaller(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	_, inner := greetv1connect.NewGreetServiceHandler(echo{}, secured(newAuth(t, issuer, interceptor.WithRealm("inner"))))
	res := httptest.NewRecorder()
	service := nesting{unary: func(ctx context.Context, _ http.Header) error {
		req := httptest.NewRequestWithContext(ctx, http.MethodPost,
			greetv1connect.GreetServiceGreetProcedure, strings.NewReader("{}"))
		req.Header.Set("Content-Type", "application/json")
		inner.ServeHTTP(res, req)
		return nil
	}}
	_, outer := greetv1connect.NewGreetServiceHandler(service, secured(newAuth(t, issuer)))
	outerRes, err := newClient(serve(t, outer)).Greet(t.Context(), withToken(&greetv1.GreetRequest{}, issuer.Token(nil)))
	if err != nil || outerRes.Header().Get("WWW-Authenticate") != "" {
		t.Errorf("the outer call: %v, %v", outerRes, err)
	}
	if got := res.Header().Get("WWW-Authenticate"); res.Code != http.StatusUnauthorized || got != `Bearer realm="inner"` {
		t.Errorf("the inner call: %d %s", res.Code, got)
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
