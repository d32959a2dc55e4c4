package grpcauth_test

import (
	"context"
	"fmt"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/oidcrpc/oidcrpc/grpcauth"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// refuseWith refuses every token.
type refuseWith struct{ err *verifier.AuthError }

func (r *refuseWith) Verify(context.Context, string) (*verifier.Claims, error) { return nil, r.err }

// Errors are kept. There are more here than fit, so each meets others where it's looked for.
func TestCallersGetTheErrorForTheirOwnRefusal(t *testing.T) {
	for name, vary := range map[string]func(e *verifier.AuthError, i int){
		"messages":    func(e *verifier.AuthError, i int) { e.Message = fmt.Sprint(i) },
		"permissions": func(e *verifier.AuthError, i int) { e.Permissions = []string{fmt.Sprint(i)} },
	} {
		v := &refuseWith{}
		auth, err := interceptor.New(v)
		if err != nil {
			t.Fatal(err)
		}
		intercept := grpcauth.UnaryServerInterceptor(auth)
		for range 2 {
			for i := range 1000 {
				v.err = &verifier.AuthError{Code: verifier.CodeInsufficientPermissions, Message: "m"}
				vary(v.err, i)
				got := refusedUnary(incoming("authorization", "Bearer token"), t, intercept)
				info, _ := got.Details()[0].(*errdetails.ErrorInfo)
				want := ""
				if v.err.Permissions != nil {
					want = v.err.Permissions[0]
				}
				if got.Message() != v.err.Message || info.GetMetadata()["permissions"] != want {
					t.Fatalf("%s: refusal %d is %v", name, i, got)
				}
			}
		}
	}
}

func TestAChangedStatusChangesNoOther(t *testing.T) {
	intercept := grpcauth.UnaryServerInterceptor(newAuth(t, verifiertest.NewIssuer()))
	want := refusedUnary(t.Context(), t, intercept).Proto()
	for range 2 {
		got := refusedUnary(t.Context(), t, intercept).Proto()
		if !proto.Equal(got, want) {
			t.Fatalf("status = %v, want %v", got, want)
		}
		got.Details[0].Value[0]++
		got.Message = "x"
	}
}

// Floods are made of refused calls. It isn't parallel: see [testing.AllocsPerRun].
func TestARefusedCallAllocatesLittle(t *testing.T) {
	intercept := grpcauth.UnaryServerInterceptor(newAuth(t, verifiertest.NewIssuer()))
	ctx := grpc.NewContextWithServerTransportStream(t.Context(), &transportStream{})
	allocs := testing.AllocsPerRun(100, func() { refusedUnary(ctx, t, intercept) })
	if allocs > 8 { // three in package interceptor, and the trailer
		t.Errorf("%v allocations, want 8 at most", allocs)
	}
}

func refusedUnary(ctx context.Context, t *testing.T, intercept grpc.UnaryServerInterceptor) *status.Status {
	t.Helper()
	info := &grpc.UnaryServerInfo{FullMethod: "/a.S/M"}
	_, err := intercept(ctx, nil, info, func(context.Context, any) (any, error) { return nil, nil })
	if err == nil {
		t.Fatal("the call was admitted")
	}
	return status.Convert(err)
}
