package greet_test

import (
	"slices"
	"testing"

	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	reflectionv1alpha "google.golang.org/grpc/reflection/grpc_reflection_v1alpha"

	"github.com/oidcrpc/oidcrpc/connectauth"
	connectauthv2 "github.com/oidcrpc/oidcrpc/connectauth/v2"
	"github.com/oidcrpc/oidcrpc/examples/greet"
	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/grpcauth"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

func newAuth(t *testing.T) *interceptor.Authenticator {
	t.Helper()
	v, err := verifier.New(verifiertest.NewIssuer().Config())
	if err != nil {
		t.Fatal(err)
	}
	auth, err := interceptor.New(v, interceptor.WithPolicy(greet.Policy))
	if err != nil {
		t.Fatal(err)
	}
	return auth
}

var newServer = greet.NewGRPCServer

func TestEveryProcedureHasARule(t *testing.T) {
	auth := newAuth(t)
	if err := auth.CheckPolicy(grpcauth.Procedures(newServer(auth))); err != nil {
		t.Error(err)
	}
}

func TestDescriptorsAndServerListTheSameProcedures(t *testing.T) {
	described := connectauth.Procedures(greetv1.File_greet_v1_greet_proto, healthv1.File_grpc_health_v1_health_proto,
		reflectionv1.File_grpc_reflection_v1_reflection_proto, reflectionv1alpha.File_grpc_reflection_v1alpha_reflection_proto)
	if served := grpcauth.Procedures(newServer(newAuth(t))); !slices.Equal(described, served) {
		t.Errorf("the files describe %q, the server serves %q", described, served)
	}
}

func TestConnectServesNoOtherProcedures(t *testing.T) {
	auth := newAuth(t)
	overGRPC := grpcauth.Procedures(newServer(auth))
	for _, procedure := range connectauthv2.Procedures(greet.NewConnectServer(auth)) {
		if !slices.Contains(overGRPC, procedure) {
			t.Errorf("%s is served over Connect alone, and has no rule", procedure)
		}
	}
}
