// Package policyfile reads a policy from a file, for teams that change rules without building
// their servers anew. It's a module of its own, since it needs a YAML parser.
//
// The file is YAML, and so may be JSON. Each key is a policy key, and each rule has the names
// and meanings of the options in package schema:
//
//	# Who may call what.
//	/orders.v1.OrderService/List:   {scopes: [orders:read]}
//	/orders.v1.OrderService/Cancel: {any_scopes: [orders:write, admin], max_age: 5m}
//	/grpc.health.v1.Health/Check:   {access: public}
//	/*:                             {access: denied}
//
// The names are access, scopes, any_scopes, permissions, issuers, subjects, actors, acr_values,
// max_age and bound. The access is required, optional, public or denied, and required if it's left
// out. A rule that asks only for a valid token says {access: required}.
//
// Reading is strict: an unknown name, a key that stands twice or a rule that contradicts itself
// is an error, and it names the line. [Watch] reads the file again when it changes, and keeps
// the last good policy if the new one is bad:
//
//	policy, err := policyfile.Read("policy.yaml")
//	if err != nil {
//		log.Fatal(err)
//	}
//	auth, err := interceptor.New(v, interceptor.WithPolicy(policy))
//	if err != nil {
//		log.Fatal(err)
//	}
//	go policyfile.Watch(ctx, "policy.yaml", auth.SetPolicy, slog.Default())
//
// To add rules from code, such as those with Allow, copy them into the policy before it's set.
package policyfile
