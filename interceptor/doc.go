// Package interceptor decides whether a call may proceed. Its adapters for grpc-go
// (package grpcauth), connect-go (package connectauth) and plain HTTP handlers (package
// httpauth) share it, and so enforce one policy in the same way:
//
//	v, err := verifier.New(verifier.Config{ … })
//	auth, err := interceptor.New(v,
//		interceptor.WithRealm("api"),
//		interceptor.WithPolicy(interceptor.Policy{
//			interceptor.HealthCheck: {Access: interceptor.AccessPublic},
//			"/orders.v1.OrderService/Delete": {Require: verifier.Requirement{Scopes: []string{"orders:write"}}},
//		}),
//	)
//
// One [Authenticator] serves any number of servers of both kinds. Without a policy
// every call needs a valid token. Handlers read it with [ClaimsFromContext].
// [WithCredential] accepts other credentials beside bearer tokens: API keys, cookies.
//
// # What a caller gets
//
//	no credentials, or another scheme    Unauthenticated   challenge without an error code
//	malformed credentials                Unauthenticated   error="invalid_request"
//	a bad token                          Unauthenticated   error="invalid_token"
//	a user who must authenticate again   Unauthenticated   error="insufficient_user_authentication"
//	a token that doesn't grant enough    PermissionDenied  error="insufficient_scope"
//	keys that are unavailable            Unavailable       RetryInfo, no challenge
//	the call's own context ended         Canceled or DeadlineExceeded
//	anything else                        Internal
//
// The challenge follows RFC 6750, section 3, and RFC 9470, section 3. On some paths a
// WWW-Authenticate field can't travel. So the first six rows also carry one
// google.rpc.ErrorInfo, with the verifier's code as its reason and the challenge in its
// metadata.
//
// # For adapters
//
// Servers need [New] with its options, a [Policy] and the two functions on claims.
// The rest is for adapters to other frameworks, and each item says so. It isn't stable
// before version 1.0. An adapter does this for each call:
//
//  1. It passes a [Call] to [Authenticator.Authenticate], with a [Request] in it for
//     credentials that stand elsewhere than in authorization.
//  2. It writes the [Refusal] it got, or runs the handler with [Admission.Context].
//  3. It passes the refusal in the handler's error, or nil, to [Admission.End], and
//     writes what that returns, or else the handler's own result.
//
// A stream's adapter uses [Authenticator.AuthenticateStream] and [Stream] instead, or
// [Authenticator.AuthenticateInterruptible] if it can, or [Admission.Stream] once a call
// turns out to be one. A handler refuses its caller with a
// function made from [NewRefusal]. The example named Adapter is a whole adapter.
package interceptor
