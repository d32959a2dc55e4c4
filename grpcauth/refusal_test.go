package grpcauth_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/grpcauth"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// cautious greets only Ada.
type cautious struct {
	greetv1.UnimplementedGreetServiceServer
}

func (cautious) Greet(ctx context.Context, req *greetv1.GreetRequest) (*greetv1.GreetResponse, error) {
	if req.GetName() != "Ada" {
		return nil, grpcauth.Refuse(ctx, errors.New("secret"))
	}
	return &greetv1.GreetResponse{}, nil
}

func TestRefuseWorksInTestsOfHandlers(t *testing.T) {
	ctx := interceptor.ContextWithClaims(t.Context(), verifiertest.Claims(nil))
	_, err := cautious{}.Greet(ctx, &greetv1.GreetRequest{Name: "Eve"})
	checkNotAllowed(t, err)
	checkNotAllowed(t, fmt.Errorf("wrapped: %w", err))
}

func checkNotAllowed(t *testing.T, err error) {
	t.Helper()
	s, _ := status.FromError(err)
	if s.Code() != codes.PermissionDenied {
		t.Errorf("err = %v, want PermissionDenied", err)
	}
	info, ok := s.Details()[0].(*errdetails.ErrorInfo)
	if !ok || info.GetReason() != "INSUFFICIENT_PERMISSIONS" {
		t.Errorf("details = %v", s.Details())
	}
}

func TestDroppedRefusalLeavesNoTrace(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	intercept := grpcauth.UnaryServerInterceptor(newAuth(t, issuer))
	sent := &transportStream{}
	ctx := grpc.NewContextWithServerTransportStream(incoming("authorization", "Bearer "+issuer.Token(nil)), sent)
	res, err := intercept(ctx, nil, &grpc.UnaryServerInfo{FullMethod: "/a.S/M"}, func(ctx context.Context, _ any) (any, error) {
		_ = grpcauth.Refuse(ctx, &verifier.AuthError{Code: verifier.CodeMissingToken})
		return "fine", nil
	})
	if res != "fine" || err != nil || sent.set {
		t.Errorf("got %v, %v, metadata sent = %v", res, err, sent.set)
	}
}

// transportStream notes whether metadata was set.
type transportStream struct{ set bool }

func (s *transportStream) Method() string                  { return "/a.S/M" }
func (s *transportStream) SetHeader(metadata.MD) error     { s.set = true; return nil }
func (s *transportStream) SendHeader(metadata.MD) error    { s.set = true; return nil }
func (s *transportStream) SetTrailer(md metadata.MD) error { s.set = true; return nil }
