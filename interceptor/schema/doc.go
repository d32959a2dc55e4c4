// Package schema reads a policy that is written in protos. A service says who may
// call it with one import and one option for each rpc:
//
//	import "oidcrpc/policy/v1/policy.proto";
//
//	service OrderService {
//	  rpc DeleteOrder(DeleteOrderRequest) returns (DeleteOrderResponse) {
//	    option (oidcrpc.policy.v1.method).scopes = "orders:write";
//	  }
//	}
//
// and a server of any kind enforces it:
//
//	policy, err := schema.Policy(nil, ordersv1.File_orders_v1_orders_proto)
//	auth, err := interceptor.New(v, interceptor.WithPolicy(policy))
//
// The imported proto says what each option means to callers. It is below the folder
// proto of this package, a buf module and an include path for protoc. Its number is
// from the range for private use until 1.0, when all code that uses it has to be
// generated anew.
package schema
