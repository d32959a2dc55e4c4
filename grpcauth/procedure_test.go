package grpcauth_test

import (
	"slices"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	reflectionv1alpha "google.golang.org/grpc/reflection/grpc_reflection_v1alpha"

	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/grpcauth"
	"github.com/oidcrpc/oidcrpc/interceptor"
)

func TestProceduresListsEverythingAServerServes(t *testing.T) {
	server := grpc.NewServer()
	greetv1.RegisterGreetServiceServer(server, echo{})
	healthv1.RegisterHealthServer(server, health.NewServer())
	reflection.Register(server)
	want := []string{
		greetv1.GreetService_Collect_FullMethodName,
		greetv1.GreetService_Converse_FullMethodName,
		greetv1.GreetService_Greet_FullMethodName,
		greetv1.GreetService_Watch_FullMethodName,
		interceptor.HealthCheck,
		interceptor.HealthList,
		interceptor.HealthWatch,
		interceptor.ReflectionV1,
		interceptor.ReflectionV1Alpha,
	}
	if got := grpcauth.Procedures(server); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, same := range [][2]string{
		{interceptor.HealthCheck, healthv1.Health_Check_FullMethodName},
		{interceptor.HealthList, healthv1.Health_List_FullMethodName},
		{interceptor.HealthWatch, healthv1.Health_Watch_FullMethodName},
		{interceptor.ReflectionV1, reflectionv1.ServerReflection_ServerReflectionInfo_FullMethodName},
		{interceptor.ReflectionV1Alpha, reflectionv1alpha.ServerReflection_ServerReflectionInfo_FullMethodName},
	} {
		if same[0] != same[1] {
			t.Errorf("%q is not %q", same[0], same[1])
		}
	}
}

// An xDS server, for one, isn't a *grpc.Server but wraps one.
func TestProceduresTakesAnythingThatListsServices(t *testing.T) {
	got := grpcauth.Procedures(wrapper{services: map[string]grpc.ServiceInfo{
		"b.S": {Methods: []grpc.MethodInfo{{Name: "M"}}},
		"a.S": {Methods: []grpc.MethodInfo{{Name: "N"}, {Name: "M"}}},
	}})
	if want := []string{"/a.S/M", "/a.S/N", "/b.S/M"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

type wrapper struct{ services map[string]grpc.ServiceInfo }

func (w wrapper) GetServiceInfo() map[string]grpc.ServiceInfo { return w.services }
