package connectauth_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connectinprocess"
	"connectrpc.com/connect/v2/connectproto"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"

	connectauth "github.com/oidcrpc/oidcrpc/connectauth/v2"
	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	greetv1connect "github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connectv2"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

func checkRefusal(t *testing.T, err error, info *connect.CallInfo, code connect.Code, reason string) {
	t.Helper()
	connectErr, ok := errors.AsType[*connect.Error](err)
	if !ok || connectErr.Code() != code {
		t.Errorf("got %v, want %v", err, code)
		return
	}
	if len(connectErr.Details()) != 1 {
		t.Errorf("%d details, want 1", len(connectErr.Details()))
		return
	}
	detail, err := connectproto.UnmarshalErrorDetail(connectErr.Details()[0])
	errorInfo, ok := detail.(*errdetails.ErrorInfo)
	if !ok || errorInfo.GetReason() != reason {
		t.Errorf("the detail is %v, %v, want %s", detail, err, reason)
	}
	challenges := info.ResponseHeader().Values("WWW-Authenticate")
	if len(challenges) != 1 || challenges[0] != errorInfo.GetMetadata()["challenge"] {
		t.Errorf("the challenges are %q", challenges)
	}
}

func TestRefusalsInProcessKeepCodeDetailAndChallenge(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	auth := newAuth(t, issuer, interceptor.WithPolicy(interceptor.Policy{
		"/*": {Require: verifier.Requirement{Scopes: []string{"greet"}}},
	}))
	refuseBefore := func(connect.ServerFunc) connect.ServerFunc {
		return func(ctx context.Context, _ connect.Spec, _ connect.ServerStream) error {
			return connectauth.Refuse(ctx, errors.New("no"))
		}
	}
	picky := connect.NewServer(connectauth.NewServerInterceptor(newAuth(t, issuer)), refuseBefore)
	greetv1connect.RegisterGreetServiceHandler(picky, echo{})
	for name, test := range map[string]struct {
		server *connect.Server
		token  string
		code   connect.Code
		reason string
	}{
		"no token":                   {newServer(auth, echo{}), "", connect.CodeUnauthenticated, "MISSING_TOKEN"},
		"a bad token":                {newServer(auth, echo{}), "bad", connect.CodeUnauthenticated, "MALFORMED_TOKEN"},
		"a token without the scope":  {newServer(auth, echo{}), issuer.Token(nil), connect.CodePermissionDenied, "INSUFFICIENT_SCOPE"},
		"a refusal before a receive": {picky, issuer.Token(nil), connect.CodePermissionDenied, "INSUFFICIENT_PERMISSIONS"},
	} {
		for kind, do := range kinds {
			t.Run(name+", "+kind, func(t *testing.T) {
				for range 50 { // the client's send races with the refusal
					ctx, info := withToken(t.Context(), test.token)
					checkRefusal(t, do(ctx, newClientInProcess(test.server)), info, test.code, test.reason)
				}
			})
		}
	}
}

func TestRefusedStreamInProcessWaitsForNoMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // so that a wait is a deadlock
		client := newClientInProcess(newServer(newAuth(t, verifiertest.NewIssuer()), echo{}))
		ctx, info := withToken(t.Context(), "")
		stream, err := client.Converse(ctx)
		if err != nil {
			t.Fatal(err)
		}
		defer stream.Close()
		_, err = stream.Receive()
		checkRefusal(t, err, info, connect.CodeUnauthenticated, "MISSING_TOKEN")
	})
}

// A user's copy function may know its own messages only.
func TestRefusalInProcessSurvivesACopyFunctionThatPanics(t *testing.T) {
	server := newServer(newAuth(t, verifiertest.NewIssuer()), echo{})
	client := clientOf(connectinprocess.New(server, connectinprocess.WithCopyFunc(func(dst, src any) error {
		*dst.(*greetv1.WatchRequest) = greetv1.WatchRequest{Name: src.(*greetv1.WatchRequest).GetName()} //nolint:govet // one field
		return nil
	})))
	ctx, info := withToken(t.Context(), "")
	checkRefusal(t, kinds["server stream"](ctx, client), info, connect.CodeUnauthenticated, "MISSING_TOKEN")
}

func TestRefusalInProcessNeedsNoDescriptor(t *testing.T) {
	server := connect.NewServer(connectauth.NewServerInterceptor(newAuth(t, verifiertest.NewIssuer())))
	spec := connect.Spec{StreamType: connect.StreamTypeServer, Procedure: "/a.S/M"}
	server.Register(connect.Method{Spec: spec, Handler: func(context.Context, connect.Spec, connect.ServerStream) error {
		return nil
	}})
	ctx, info := withToken(t.Context(), "")
	stream, err := connect.NewClient(connectinprocess.New(server)).CallServerStream(ctx, spec, &greetv1.WatchRequest{})
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	checkRefusal(t, stream.Receive(&greetv1.WatchResponse{}), info, connect.CodeUnauthenticated, "MISSING_TOKEN")
}

func TestCredentialOfACallIsNotThatOfACallWithinIt(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	inner := newClientInProcess(newServer(newAuth(t, issuer), echo{}))
	outer := newServer(newAuth(t, issuer), nesting{func(ctx context.Context) error {
		for kind, do := range kinds {
			if err := do(ctx, inner); connect.CodeOf(err) != connect.CodeUnauthenticated {
				t.Errorf("%s: %v, want Unauthenticated", kind, err)
			}
		}
		return nil
	}})
	ctx, info := withToken(t.Context(), issuer.Token(nil))
	client := newClient(serve(t, mount(outer)))
	if _, err := client.Greet(ctx, &greetv1.GreetRequest{}); err != nil || info.ResponseHeader().Has("WWW-Authenticate") {
		t.Errorf("the outer call: %v, with a challenge = %v", err, info.ResponseHeader().Values("WWW-Authenticate"))
	}
}

func TestPublicCallWithinAnotherSeesNoClaims(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	open := interceptor.WithPolicy(interceptor.Policy{"/*": {Access: interceptor.AccessPublic}})
	inner := newClientInProcess(newServer(newAuth(t, issuer, open), echo{}))
	outer := newServer(newAuth(t, issuer), nesting{func(ctx context.Context) error {
		res, err := inner.Greet(ctx, &greetv1.GreetRequest{})
		if res.GetGreeting() != "anonymous" {
			t.Errorf("the inner handler saw %q", res.GetGreeting())
		}
		return err
	}})
	ctx, _ := withToken(t.Context(), issuer.Token(nil))
	if err := kinds["unary"](ctx, newClientInProcess(outer)); err != nil {
		t.Error(err)
	}
}

// A nesting service makes a call within this process, with its own call's context, and
// returns the error.
type nesting struct{ do func(context.Context) error }

func (n nesting) Greet(ctx context.Context, _ *greetv1.GreetRequest) (*greetv1.GreetResponse, error) {
	return &greetv1.GreetResponse{}, n.do(ctx)
}

func (n nesting) Watch(ctx context.Context, _ *greetv1.WatchRequest, _ greetv1connect.GreetServiceWatchServerStream) error {
	return n.do(ctx)
}

func (n nesting) Collect(ctx context.Context, stream greetv1connect.GreetServiceCollectServerStream) (*greetv1.CollectResponse, error) {
	return &greetv1.CollectResponse{}, errors.Join(drain(stream.Receive), n.do(ctx))
}

func (n nesting) Converse(ctx context.Context, stream greetv1connect.GreetServiceConverseServerStream) error {
	return errors.Join(drain(stream.Receive), n.do(ctx))
}

// observed keeps the stages and codes that an observer sees.
func observed(log *[]string) interceptor.Option {
	return interceptor.WithObserver(func(_ context.Context, d interceptor.Decision) {
		*log = append(*log, fmt.Sprint(d.Stage, " ", d.Code))
	})
}

type outerKey struct{}

func TestRefusalOfACallWithinAnotherStaysThere(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	pass := func(err error) error { return err }
	wrap := func(err error) error { return fmt.Errorf("wrapped: %w", err) }
	drop := func(error) error { return nil }
	become := func(err error) error { return connect.NewError(connect.CodeUnavailable, "down").WithCause(err) }
	const start, refused = "start ok", "handler permission_denied"
	for name, test := range map[string]struct {
		guarded    bool // whether the inner server has an interceptor
		outerCall  bool // whether the inner handler refuses the outer call
		pass       func(error) error
		want       connect.Code
		challenged bool
		outer      []string
	}{
		"a guarded server's refusal":                     {true, false, pass, connect.CodeInternal, false, []string{start}},
		"a guarded server's refusal, wrapped":            {true, false, wrap, connect.CodeInternal, false, []string{start}},
		"an open server's refusal":                       {false, false, pass, connect.CodeInternal, false, []string{start}},
		"an open server's refusal, wrapped":              {false, false, wrap, connect.CodeInternal, false, []string{start}},
		"an open server's refusal, as the cause":         {false, false, become, connect.CodeUnavailable, false, []string{start}},
		"an open server's refusal, dropped":              {false, false, drop, 0, false, []string{start}},
		"a refusal of the outer call":                    {true, true, pass, connect.CodePermissionDenied, true, []string{start, refused}},
		"a refusal of the outer call, by an open server": {false, true, wrap, connect.CodePermissionDenied, true, []string{start, refused}},
		"a refusal of the outer call, dropped":           {true, true, drop, 0, false, []string{start}},
	} {
		t.Run(name, func(t *testing.T) {
			var outer []string
			innerService := nesting{func(ctx context.Context) error {
				if test.outerCall {
					ctx = ctx.Value(outerKey{}).(context.Context)
				}
				return connectauth.Refuse(ctx, errors.New("no"))
			}}
			innerServer := connect.NewServer()
			if test.guarded {
				open := interceptor.WithPolicy(interceptor.Policy{"/*": {Access: interceptor.AccessPublic}})
				innerServer = connect.NewServer(connectauth.NewServerInterceptor(newAuth(t, issuer, open)))
			}
			greetv1connect.RegisterGreetServiceHandler(innerServer, innerService)
			inner := newClientInProcess(innerServer)
			for kind, do := range kinds {
				server := newServer(newAuth(t, issuer, observed(&outer)), nesting{func(ctx context.Context) error {
					return test.pass(do(context.WithValue(ctx, outerKey{}, ctx), inner))
				}})
				clients := map[string]greetv1connect.GreetServiceClient{"in process": newClientInProcess(server)}
				for name, options := range protocols {
					clients[name] = newClient(serve(t, mount(server)), options...)
				}
				for name, client := range clients {
					outer = nil
					ctx, info := withToken(t.Context(), issuer.Token(nil))
					if err := do(ctx, client); connect.CodeOf(err) != test.want && (err != nil || test.want != 0) {
						t.Errorf("%s, %s: %v, want %v", name, kind, err, test.want)
					}
					if info.ResponseHeader().Has("WWW-Authenticate") != test.challenged {
						t.Errorf("%s, %s: a challenge = %v, want %v", name, kind, !test.challenged, test.challenged)
					}
					if !slices.Equal(outer, test.outer) {
						t.Errorf("%s, %s: the outer observer saw %q, want %q", name, kind, outer, test.outer)
					}
				}
			}
		})
	}
}

// A request that was received stays received.
func TestHandlersRefusalInProcessReceivesNothing(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	received := 0
	counting := func(next connect.ServerFunc) connect.ServerFunc {
		return func(ctx context.Context, spec connect.Spec, stream connect.ServerStream) error {
			return next(ctx, spec, countingStream{stream, &received})
		}
	}
	server := connect.NewServer(counting, connectauth.NewServerInterceptor(newAuth(t, issuer)))
	greetv1connect.RegisterGreetServiceHandler(server, nesting{func(ctx context.Context) error {
		return connectauth.Refuse(ctx, errors.New("no"))
	}})
	ctx, info := withToken(t.Context(), issuer.Token(nil))
	err := kinds["server stream"](ctx, newClientInProcess(server))
	checkRefusal(t, err, info, connect.CodePermissionDenied, "INSUFFICIENT_PERMISSIONS")
	if received != 1 {
		t.Errorf("%d receives, want 1", received)
	}
}

type countingStream struct {
	connect.ServerStream

	received *int
}

func (s countingStream) Receive(m any) error {
	*s.received++
	if _, ok := m.(proto.Message); !ok {
		return errors.New("not a message")
	}
	return s.ServerStream.Receive(m)
}
