package connectauth_test

import (
	"context"
	"errors"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"

	"github.com/oidcrpc/oidcrpc/connectauth"
	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connect"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// cautious greets only Ada.
type cautious struct {
	greetv1connect.UnimplementedGreetServiceHandler
}

func (cautious) Greet(
	ctx context.Context, req *connect.Request[greetv1.GreetRequest],
) (*connect.Response[greetv1.GreetResponse], error) {
	err := connectauth.Refuse(ctx, errors.New("secret"))
	if req.Msg.GetName() != "Ada" {
		return nil, err
	}
	return connect.NewResponse(&greetv1.GreetResponse{}), nil
}

func TestRefuseWorksInTestsOfHandlers(t *testing.T) {
	ctx := interceptor.ContextWithClaims(t.Context(), verifiertest.Claims(nil))
	_, err := cautious{}.Greet(ctx, connect.NewRequest(&greetv1.GreetRequest{Name: "Eve"}))
	connectErr, ok := errors.AsType[*connect.Error](err)
	if !ok || connectErr.Code() != connect.CodePermissionDenied || connectErr.Message() != "the call is not allowed" {
		t.Fatalf("err = %v, want PermissionDenied", err)
	}
	detail, err := connectErr.Details()[0].Value()
	if info, ok := detail.(*errdetails.ErrorInfo); !ok || info.GetReason() != "INSUFFICIENT_PERMISSIONS" {
		t.Errorf("detail = %v, %v", detail, err)
	}
}

func TestDroppedRefusalLeavesNoTrace(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	_, handler := greetv1connect.NewGreetServiceHandler(cautious{}, secured(newAuth(t, issuer)))
	client := newClient(serve(t, handler))
	res, err := client.Greet(t.Context(), withToken(&greetv1.GreetRequest{Name: "Ada"}, issuer.Token(nil)))
	if err != nil || res.Header().Get("WWW-Authenticate") != "" {
		t.Errorf("got %v, %v", res, err)
	}
	_, err = client.Greet(t.Context(), withToken(&greetv1.GreetRequest{Name: "Eve"}, issuer.Token(nil)))
	if connectErr, ok := errors.AsType[*connect.Error](err); !ok || connectErr.Meta().Get("WWW-Authenticate") == "" {
		t.Errorf("Eve: %v", err)
	}
}

// A handler may have an AuthError from a call it made itself.
func TestAuthErrorFromAnotherCallIsNotARefusal(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	handler := connect.NewUnaryHandler(greetv1connect.GreetServiceGreetProcedure,
		func(context.Context, *connect.Request[greetv1.GreetRequest]) (*connect.Response[greetv1.GreetResponse], error) {
			return nil, connect.NewError(connect.CodeInternal, &verifier.AuthError{Code: verifier.CodeInvalidToken, Message: "theirs"})
		}, secured(newAuth(t, issuer)))
	client := newClient(serve(t, handler))
	_, err := client.Greet(t.Context(), withToken(&greetv1.GreetRequest{}, issuer.Token(nil)))
	connectErr, ok := errors.AsType[*connect.Error](err)
	if !ok || connectErr.Code() != connect.CodeInternal || connectErr.Meta().Get("WWW-Authenticate") != "" || len(connectErr.Details()) > 0 {
		t.Errorf("err = %v", err)
	}
}

func TestOutgoingCallsChallengeIsNotPassedOn(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	_, inner := greetv1connect.NewGreetServiceHandler(cautious{}, secured(newAuth(t, issuer, interceptor.WithRealm("inner"))))
	downstream := newClient(serve(t, inner))
	outer := connect.NewUnaryHandler(greetv1connect.GreetServiceGreetProcedure,
		func(ctx context.Context, _ *connect.Request[greetv1.GreetRequest]) (*connect.Response[greetv1.GreetResponse], error) {
			return downstream.Greet(ctx, connect.NewRequest(&greetv1.GreetRequest{}))
		}, secured(newAuth(t, issuer)))
	for _, options := range [][]connect.ClientOption{nil, {connect.WithGRPC()}, {connect.WithGRPCWeb()}} {
		client := newClient(serve(t, outer), options...)
		_, err := client.Greet(t.Context(), withToken(&greetv1.GreetRequest{}, issuer.Token(nil)))
		connectErr, ok := errors.AsType[*connect.Error](err)
		if !ok || connectErr.Code() != connect.CodeUnauthenticated || connectErr.Meta().Get("WWW-Authenticate") != "" {
			t.Errorf("err = %v, %v", err, connectErr.Meta())
		}
	}
}
