package connectauth_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connectproto"
	"google.golang.org/genproto/googleapis/rpc/errdetails"

	connectauth "github.com/oidcrpc/oidcrpc/connectauth/v2"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// cautious greets only Ada.
func cautious(ctx context.Context, name string) error {
	err := connectauth.Refuse(ctx, errors.New("secret"))
	if name != "Ada" {
		return err
	}
	return nil
}

func TestRefuseWorksInTestsOfHandlers(t *testing.T) {
	ctx := interceptor.ContextWithClaims(t.Context(), verifiertest.Claims(nil))
	err := cautious(ctx, "Eve")
	connectErr, ok := errors.AsType[*connect.Error](err)
	if !ok || connectErr.Code() != connect.CodePermissionDenied || connectErr.Message() != "the call is not allowed" {
		t.Fatalf("err = %v, want PermissionDenied", err)
	}
	detail, err := connectproto.UnmarshalErrorDetail(connectErr.Details()[0])
	if info, ok := detail.(*errdetails.ErrorInfo); !ok || info.GetReason() != "INSUFFICIENT_PERMISSIONS" {
		t.Errorf("detail = %v, %v", detail, err)
	}
}

func TestDroppedRefusalLeavesNoTrace(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	var log []string
	server := newServer(newAuth(t, issuer, observed(&log)), nesting{func(ctx context.Context) error { return cautious(ctx, "Ada") }})
	ctx, info := withToken(t.Context(), issuer.Token(nil))
	err := kinds["unary"](ctx, newClient(serve(t, mount(server))))
	if err != nil || info.ResponseHeader().Has("WWW-Authenticate") || len(log) != 1 {
		t.Errorf("got %v, a challenge = %v, observed %q", err, info.ResponseHeader().Has("WWW-Authenticate"), log)
	}
}

func TestHandlersErrorsReachTheCallerAsTheyShould(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	refuse := func(ctx context.Context) error { return connectauth.Refuse(ctx, errors.New("secret")) }
	for name, test := range map[string]struct {
		do      func(context.Context) error
		want    connect.Code
		refused bool
	}{
		"a refusal":         {refuse, connect.CodePermissionDenied, true},
		"a wrapped refusal": {func(ctx context.Context) error { return fmt.Errorf("in: %w", refuse(ctx)) }, connect.CodePermissionDenied, true},
		"a joined refusal":  {func(ctx context.Context) error { return errors.Join(errors.New("x"), refuse(ctx)) }, connect.CodePermissionDenied, true},
		"a refusal as a cause": {func(ctx context.Context) error {
			return connect.NewError(connect.CodeInternal, "").WithCause(refuse(ctx))
		}, connect.CodePermissionDenied, true},
		// A handler may have an AuthError from a call it made itself.
		"an AuthError": {func(context.Context) error {
			return &verifier.AuthError{Code: verifier.CodeInvalidToken, Message: "theirs"}
		}, connect.CodeUnknown, false},
		"an AuthError as a cause": {func(context.Context) error {
			return connect.NewError(connect.CodeUnauthenticated, "").WithCause(&verifier.AuthError{Code: verifier.CodeInvalidToken})
		}, connect.CodeUnauthenticated, false},
		"a plain error": {func(context.Context) error { return errors.New("secret") }, connect.CodeUnknown, false},
	} {
		server := newServer(newAuth(t, issuer), nesting{test.do})
		httpServer := serve(t, mount(server))
		for protocol, options := range protocols {
			for kind, do := range kinds {
				ctx, info := withToken(t.Context(), issuer.Token(nil))
				err := do(ctx, newClient(httpServer, options...))
				if connect.CodeOf(err) != test.want {
					t.Errorf("%s, %s, %s: %v, want %v", name, protocol, kind, err, test.want)
				}
				if got := info.ResponseHeader().Has("WWW-Authenticate"); got != test.refused {
					t.Errorf("%s, %s, %s: a challenge = %v", name, protocol, kind, got)
				}
			}
		}
	}
}

func TestUpstreamsChallengeIsNotPassedOn(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	upstream := newClient(serve(t, mount(newServer(newAuth(t, issuer, interceptor.WithRealm("inner")), echo{}))))
	server := serve(t, mount(newServer(newAuth(t, issuer), nesting{func(ctx context.Context) error {
		return kinds["unary"](ctx, upstream)
	}})))
	for name, options := range protocols {
		ctx, info := withToken(t.Context(), issuer.Token(nil))
		err := kinds["unary"](ctx, newClient(server, options...))
		if connect.CodeOf(err) != connect.CodeInternal || info.ResponseHeader().Has("WWW-Authenticate") {
			t.Errorf("%s: %v, with a challenge = %v", name, err, info.ResponseHeader().Values("WWW-Authenticate"))
		}
	}
}
