package connectauth_test

import (
	"slices"
	"testing"

	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/oidcrpc/oidcrpc/connectauth"
	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connect"
	"github.com/oidcrpc/oidcrpc/interceptor"
)

func TestProceduresListsEveryServiceInTheFiles(t *testing.T) {
	want := []string{
		greetv1connect.GreetServiceCollectProcedure,
		greetv1connect.GreetServiceConverseProcedure,
		greetv1connect.GreetServiceGreetProcedure,
		greetv1connect.GreetServiceWatchProcedure,
		interceptor.HealthCheck,
		interceptor.HealthList,
		interceptor.HealthWatch,
	}
	got := connectauth.Procedures(healthv1.File_grpc_health_v1_health_proto, greetv1.File_greet_v1_greet_proto)
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
