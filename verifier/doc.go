// Package verifier decides whether a token is an access token that this service
// may act on: a JWT (RFC 7519) signed by a key that its OpenID Connect issuer
// publishes, issued for this service, and alive.
//
//	v, err := verifier.New(verifier.Config{
//		Issuer:    "https://issuer.example/",
//		Audiences: []string{"https://api.example"},
//	})
//	claims, err := v.Verify(ctx, token)
//
// It fails closed. Only the algorithms of the configuration are accepted, only
// keys of the configured issuer count, no claim is believed before its signature,
// and no URL, key or algorithm is ever taken from a token. What is refused comes
// back as an [*AuthError], with a stable [Code] and the RFC 6750 challenge to
// answer with; an issuer that cannot be reached comes back as a [*KeysError],
// which says nothing about the token.
//
// Keys are fetched when a token first needs them and refreshed in the background while
// tokens come in. When an issuer is out, those that are known are used for
// [Config].KeysMaxStale more, without any call having to wait. A new key is found when
// its first token arrives, and made-up key IDs cost four fetches, and then one in ten
// seconds at most.
//
// [NewIssuers] accepts several issuers and [NewTenants] those that a function of yours
// knows; both judge a token by the configuration of the issuer that it names.
//
// The package knows nothing of gRPC, Connect or HTTP handlers: package interceptor
// and its adapters connect it to servers. Package verifiertest has an issuer for
// tests.
package verifier
