// Package verifier decides whether a service may accept an access token. A good token is a JWT
// (RFC 7519) issued for this service, signed with a key its OpenID Connect issuer publishes, and
// not expired.
//
//	v, err := verifier.New(verifier.Config{
//		Issuer:    "https://issuer.example/",
//		Audiences: []string{"https://api.example"},
//	})
//	claims, err := v.Verify(ctx, token)
//
// Verification fails closed. Only the configured algorithms and the configured issuer's keys
// count, and no claim is believed before the signature is checked, except to refuse a token
// early. No URL, key or algorithm is ever taken from a token.
//
// A refused token results in an [*AuthError], which has a stable [Code] and the RFC 6750
// challenge to answer with. If the issuer's keys are unavailable, the error is a [*KeysError],
// which says nothing about the token.
//
// # Keys
//
// Keys are fetched when a token first needs them, and refreshed in the background while tokens
// come in. In an outage, known keys are used for [Config].KeysMaxStale longer, and no call waits.
// After a failed fetch, another may start about 250 ms later. The delay doubles with each
// failure, up to 4.5 seconds in an outage's first minute, 10 seconds in its first ten minutes,
// and a minute afterwards. [KeysError].RetryAfter says when the next fetch may start.
//
// A new key is found when its first token arrives, without waiting for a refresh. Made-up tokens
// can cause only a few fetches for each issuer: unknown key IDs cause 4 and then one every 10
// seconds, and bad signatures cause one every 30 seconds. All callers share these budgets and
// each fetch.
//
// A few issuers sign with a key whose private half comes with their software. Known ones are
// ignored, unless the issuer is on this host.
//
// # Several issuers
//
// [NewMulti] accepts a fixed list of issuers, and [NewDynamic] looks up each issuer through your
// function. Both judge a token only by the configuration for the issuer it names.
//
// # Other credentials
//
// [NewClaims] makes claims from a JSON object for which you vouch, such as a session or a row of
// a table with API keys. A policy judges them like a token's.
//
// # Servers and tests
//
// This package knows nothing about gRPC, Connect or HTTP handlers: package interceptor and its
// adapters connect it to servers. Package verifiertest provides an issuer for tests.
package verifier
