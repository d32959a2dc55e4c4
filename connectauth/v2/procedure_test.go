package connectauth_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/reflect/protoreflect"

	connectauth "github.com/oidcrpc/oidcrpc/connectauth/v2"
	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	greetv1connect "github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connectv2"
	ordersv1 "github.com/oidcrpc/oidcrpc/examples/orders/v1"
	ordersv1connect "github.com/oidcrpc/oidcrpc/examples/orders/v1/ordersv1connectv2"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/interceptor/schema"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

var ordersProcedures = []string{
	ordersv1connect.OrderServiceCreateOrderProcedure,
	ordersv1connect.OrderServiceDeleteOrderProcedure,
	ordersv1connect.OrderServiceImportOrdersProcedure,
	ordersv1connect.OrderServiceListOrdersProcedure,
	ordersv1connect.OrderServiceWatchOrdersProcedure,
}

func TestProceduresListsEverythingTheServersServe(t *testing.T) {
	greet, orders := connect.NewServer(), connect.NewServer()
	greetv1connect.RegisterGreetServiceHandler(greet, echo{})
	ordersv1connect.RegisterOrderServiceHandler(orders, nil)
	orders.SetUnknownHandler(func(context.Context, connect.Spec, connect.ServerStream) error { return nil })
	want := append([]string{
		greetv1connect.GreetServiceCollectProcedure,
		greetv1connect.GreetServiceConverseProcedure,
		greetv1connect.GreetServiceGreetProcedure,
		greetv1connect.GreetServiceWatchProcedure,
	}, ordersProcedures...)
	if got := connectauth.Procedures(orders, greet); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestFilesListsEachFileOnce(t *testing.T) {
	greet, both := connect.NewServer(), connect.NewServer()
	greetv1connect.RegisterGreetServiceHandler(greet, echo{})
	ordersv1connect.RegisterOrderServiceHandler(both, nil)
	greetv1connect.RegisterGreetServiceHandler(both, echo{})
	both.Register(connect.Method{Spec: connect.Spec{Procedure: "/a.S/M"}})
	want := []protoreflect.FileDescriptor{greetv1.File_greet_v1_greet_proto, ordersv1.File_orders_v1_orders_proto}
	if got := connectauth.Files(both, greet); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestPolicyComesFromTheSchemaOfWhatIsRegistered(t *testing.T) {
	register := func(server *connect.Server) { ordersv1connect.RegisterOrderServiceHandler(server, nil) }
	described := connect.NewServer()
	register(described)
	policy, err := schema.Policy(nil, connectauth.Files(described)...)
	if err != nil {
		t.Fatal(err)
	}
	if got := slices.Sorted(maps.Keys(policy)); !slices.Equal(got, ordersProcedures) {
		t.Errorf("the policy has the rules %q, want %q", got, ordersProcedures)
	}
	auth := newAuth(t, verifiertest.NewIssuer(), interceptor.WithPolicy(policy))
	server := connect.NewServer(connectauth.NewServerInterceptor(auth))
	register(server)
	if err := auth.CheckPolicy(connectauth.Procedures(server)); err != nil {
		t.Error(err)
	}
	// What has no rule is named, whether or not it has a schema.
	greetv1connect.RegisterGreetServiceHandler(server, echo{})
	server.Register(connect.Method{Spec: connect.Spec{Procedure: "/a.S/M"}})
	err = auth.CheckPolicy(connectauth.Procedures(server))
	want := `interceptor: Policy has no rule "/a.S/M"
interceptor: Policy has no rule "/greet.v1.GreetService/Collect"
interceptor: Policy has no rule "/greet.v1.GreetService/Converse"
interceptor: Policy has no rule "/greet.v1.GreetService/Greet"
interceptor: Policy has no rule "/greet.v1.GreetService/Watch"`
	if err == nil || strings.TrimSpace(err.Error()) != want {
		t.Errorf("CheckPolicy: %v, want %s", err, want)
	}
}
