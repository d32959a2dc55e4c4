package schema_test

import (
	"fmt"
	"log"
	"maps"
	"slices"

	"google.golang.org/protobuf/reflect/protoregistry"

	ordersv1 "github.com/oidcrpc/oidcrpc/examples/orders/v1"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/interceptor/schema"
	"github.com/oidcrpc/oidcrpc/verifier"
)

func Example() {
	v, err := verifier.New(verifier.Config{
		Issuer:    "https://issuer.example/",
		Audiences: []string{"https://api.example"},
	})
	if err != nil {
		log.Fatal(err)
	}
	policy, err := schema.Policy(interceptor.Policy{
		interceptor.HealthCheck: {Access: interceptor.AccessPublic},
		interceptor.HealthList:  {Access: interceptor.AccessPublic},
		interceptor.HealthWatch: {Access: interceptor.AccessPublic},
	}, ordersv1.File_orders_v1_orders_proto)
	if err != nil {
		log.Fatal(err)
	}
	auth, err := interceptor.New(v, interceptor.WithPolicy(policy))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(auth.CheckPolicy([]string{
		"/orders.v1.OrderService/ListOrders",
		"/orders.v1.OrderService/CreateOrder",
		"/orders.v1.OrderService/DeleteOrder",
		"/orders.v1.OrderService/WatchOrders",
		"/orders.v1.OrderService/ImportOrders",
		"/orders.v1.OrderService/CancelOrder",
		interceptor.HealthCheck, interceptor.HealthList, interceptor.HealthWatch,
	}))
	// Output: interceptor: Policy has no rule "/orders.v1.OrderService/CancelOrder"
}

func ExamplePolicy() {
	policy, err := schema.Policy(nil, ordersv1.File_orders_v1_orders_proto)
	if err != nil {
		log.Fatal(err)
	}
	for _, key := range slices.Sorted(maps.Keys(policy)) {
		require := policy[key].Require
		fmt.Println(key, require.Scopes, require.AnyScopes, require.Permissions, require.MaxAge)
	}
	// Output:
	// /orders.v1.OrderService/CreateOrder [orders:write] [] [] 0s
	// /orders.v1.OrderService/DeleteOrder [orders:write] [] [] 15m0s
	// /orders.v1.OrderService/ImportOrders [orders:write] [] [orders.import] 0s
	// /orders.v1.OrderService/ListOrders [] [orders:read orders:write] [] 0s
	// /orders.v1.OrderService/WatchOrders [] [orders:read orders:write] [] 0s
}

// The rule in Go overrides the option.
func ExamplePolicy_explicit() {
	policy, err := schema.Policy(interceptor.Policy{
		"/orders.v1.OrderService/ImportOrders": {Access: interceptor.AccessDenied},
	}, ordersv1.File_orders_v1_orders_proto)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(policy), policy["/orders.v1.OrderService/ImportOrders"].Access == interceptor.AccessDenied)
	// Output: 5 true
}

func ExampleFiles() {
	policy, err := schema.Policy(nil, schema.Files(protoregistry.GlobalFiles)...)
	if err != nil {
		log.Fatal(err)
	}
	_, ok := policy["/orders.v1.OrderService/CreateOrder"]
	fmt.Println(ok)
	// Output: true
}
