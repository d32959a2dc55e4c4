// Package feed fills a [revocation.List] with what issuers say about sessions and users.
//
// [NewLogout] takes logout requests from an OpenID provider (OpenID Connect Back-Channel Logout
// 1.0). [NewPush] and [NewPoll] take security events (Shared Signals Framework 1.0, CAEP 1.0): the
// former is sent them (RFC 8935), the latter asks for them (RFC 8936).
//
//	logout, err := feed.NewLogout(list, feed.LogoutConfig{
//		Verifier: verifier.Config{
//			Issuer:    "https://issuer.example/",
//			Audiences: []string{"web"}, // the client that the users log in to
//		},
//	})
//	mux.Handle("POST /logout", logout)
//
// An event counts if it passes a [verifier.EventVerifier], is about tokens from the issuer for
// which the feed may speak, and is neither old nor from the future. What it revokes follows from
// when it happened, not from when it came, so a repeated event changes nothing.
//
// Anyone can send a request to a handler. Its body is bounded, and so is how many verified events
// are taken at a time. Forged events cause no more fetches than forged tokens do, keep no other
// event out, and leave nothing in memory.
package feed
