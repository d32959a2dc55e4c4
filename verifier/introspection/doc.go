// Package introspection decides about opaque access tokens. A service can't verify such a token
// itself, so it asks the authorization server which issued it (RFC 7662).
//
//	v, err := introspection.New(introspection.Config{
//		Issuer:    "https://issuer.example/",
//		Client:    introspection.SecretBasic{ClientID: "orders", Secret: secret},
//		Audiences: []string{"https://orders.example"},
//	})
//	claims, err := v.Verify(ctx, token)
//
// The claims and errors are those of package verifier, and so are the rules for iss, aud, exp, nbf
// and cnf. With [NewEither] a service accepts JWTs beside opaque tokens.
//
// # Answers
//
// Only a certain answer counts: status 200, JSON, and active is true or false.
// Everything else is a [*verifier.KeysError], as if there were no answer. An active token is still
// refused if it's a refresh token or an ID token, as far as the answer tells, or is meant for another
// service. If the answer has a cnf, only VerifyBound accepts the token, with its proof.
//
// An answer is used for [Config].CacheTTL, but not past the token's exp, so a revoked token is
// refused, and its streams end, within this time. A token in use is renewed in
// the background, and no call waits. A refused token isn't asked about again for 10 seconds.
// Refused tokens are remembered apart from accepted ones.
//
// # Floods
//
// Anyone can make up tokens, and only the authorization server can tell. Each is a question to it.
// Unknown tokens share a budget, and beyond it they get a [*verifier.KeysError], because a good
// one may be among them. Known tokens have a budget of their own, so a flood gets none of them
// refused. There is one question at a time about a token, and all calls share its answer.
//
// # Outages
//
// While the authorization server is down, known tokens are accepted until their answers are
// CacheTTL old. All others get a [*verifier.KeysError] without waiting, which says when the next
// question may be asked: the back-off is the one in package verifier. If it can't
// judge one unknown token, perhaps because this token makes it fail, it doesn't count as down yet. A
// made-up token of our own is asked about, and only if this fails, too, is the server down.
package introspection
