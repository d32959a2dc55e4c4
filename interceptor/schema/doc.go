// Package schema reads a policy from protos. There a service says who may call it, with
// one import and one option for each rpc:
//
//	import "oidcrpc/policy/v1/policy.proto";
//
//	service OrderService {
//	  rpc DeleteOrder(DeleteOrderRequest) returns (DeleteOrderResponse) {
//	    option (oidcrpc.policy.v1.method).scopes = "orders:write";
//	  }
//	}
//
// and any server enforces it:
//
//	policy, err := schema.Policy(nil, ordersv1.File_orders_v1_orders_proto)
//	auth, err := interceptor.New(v, interceptor.WithPolicy(policy))
//
// The imported proto says what each option means to callers. It is in the folder proto
// of this package, which is a buf module and an include path for protoc. Until 1.0 its
// number comes from the range for private use. Then all code that uses it must be
// generated again.
package schema
