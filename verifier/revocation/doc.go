// Package revocation keeps a list of revoked tokens, sessions, subjects and clients, so a token
// can be refused before it expires.
//
//	list, err := revocation.New(revocation.Config{})
//	auth, err := interceptor.New(v, interceptor.WithRevocations(list))
//	// later, when Alice's account is closed
//	err = list.Revoke(ctx, revocation.Event{Issuer: "https://issuer.example/", Subject: "alice"})
//
// From then on her calls are refused with [verifier.CodeTokenRevoked], remembered token or not,
// and her open streams end. A token she gets in a new login is good.
//
// The list is in memory, and an entry is kept for as long as a revoked token could live: see
// [Config].Keep. Several replicas share their revocations through a [Bus], which also brings a
// restarted replica up to date. Feeds from issuers are in package feed.
package revocation
