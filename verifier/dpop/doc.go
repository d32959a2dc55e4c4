// Package dpop checks DPoP proofs (RFC 9449): signed statements that the caller holds the key its
// access token is bound to. A stolen token is worth nothing without the key.
//
// Servers use [interceptor.WithDPoP] and never call this package, apart from its [Config]:
//
//	auth, err := interceptor.New(v, interceptor.WithDPoP(dpop.Config{
//		Origins: []string{"https://api.example.com"},
//	}))
//
// # One proof, one call
//
// A proof names one method and one URI, and counts once. The service remembers each accepted
// proof for as long as it could be accepted again, in bounded memory. If it has forgotten any,
// because it was restarted or its clock was set back, it asks for a proof with a new nonce,
// which can't have been used before. Clients answer this by themselves.
//
// Several replicas share what they remember if you set [Config].Replays. Without it, a proof
// counts once at each. They share nonces through [Config].NonceKeys.
//
// [interceptor.WithDPoP]: https://pkg.go.dev/github.com/oidcrpc/oidcrpc/interceptor#WithDPoP
package dpop
