// Package interceptor decides whether a call may proceed. It holds what the
// adapters for grpc-go (package grpcauth) and connect-go (package connectauth)
// have in common, so that both enforce one policy in the same way:
//
//	v, err := verifier.New(verifier.Config{ … })
//	auth, err := interceptor.New(v,
//		interceptor.WithRealm("api"),
//		interceptor.WithPolicy(interceptor.Policy{
//			interceptor.HealthCheck: {Access: interceptor.Public},
//			"/orders.v1.OrderService/Delete": {Require: verifier.Requirement{Scopes: []string{"orders:write"}}},
//		}),
//	)
//
// One [Authenticator] serves any number of servers of both kinds. Without a policy
// every call needs a valid token. Handlers read it with [ClaimsFromContext].
//
// # What a caller gets
//
//	no credentials, or another scheme    Unauthenticated   challenge without an error code
//	malformed credentials                Unauthenticated   error="invalid_request"
//	a bad token                          Unauthenticated   error="invalid_token"
//	a user who must authenticate again   Unauthenticated   error="insufficient_user_authentication"
//	a token that does not grant enough   PermissionDenied  error="insufficient_scope"
//	keys that cannot be had              Unavailable       RetryInfo, no challenge
//	the call's own context ended         Canceled or DeadlineExceeded
//	anything else                        Internal
//
// The challenge is that of RFC 6750, section 3, and of RFC 9470, section 3. Every
// refusal of the first six rows also carries one google.rpc.ErrorInfo, with the
// verifier's code as its reason and the challenge in its metadata, since there are
// paths on which a WWW-Authenticate field cannot travel.
//
// # For adapters
//
// A server needs [New] with its options, a [Policy], and the two functions on claims.
// [Call], [Refusal], [Stream], [IsProcedure], [Refuse] and the methods of Authenticator
// that judge a call are for whoever adapts another framework, as packages grpcauth and
// connectauth do.
package interceptor
