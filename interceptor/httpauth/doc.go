// Package httpauth secures plain HTTP handlers, by the same policy as RPCs:
//
//	auth, err := interceptor.New(v, interceptor.WithPolicy(interceptor.Policy{
//		"/orders.http/List": {Require: verifier.Requirement{Scopes: []string{"orders:read"}}},
//	}))
//	list := httpauth.Middleware(auth, "/orders.http/List")
//	mux.Handle("GET /orders", list(http.HandlerFunc(listOrders)))
//
// An HTTP handler has no procedure, so you name its rule: any name in a policy's form will
// do. The auth is an [interceptor.Authenticator], the one that your RPC servers have. A
// handler reads its caller with [interceptor.ClaimsFromContext].
//
// # What a caller gets
//
//	no token, or a bad one                 401  WWW-Authenticate
//	a token that doesn't grant enough      403  WWW-Authenticate
//	keys that are unavailable              503  Retry-After
//	the request's own context ended        499 or 504
//	anything else                          500
//
// The body is a problem (RFC 9457) in JSON, with the verifier's code as its reason, if the
// client accepts JSON, and empty otherwise.
//
// # Streams
//
// A response that the handler flushes is a stream, such as server-sent events: it ends with
// its token. The context of the request is canceled with an AuthError as the cause, and
// nothing more is sent. HTTP has no words for that once a response has begun. So, when the
// handler returns, a stream of server-sent events ends as usual, since its clients connect
// again and are told. Every other response is cut off, since it could be taken for
// complete. A handler that waits in a Read or a Write isn't released. A response without a
// flush is a unary call, which may outlive its token.
//
// A WebSocket is a stream from its upgrade on, for as long as the handler runs. When its
// token ends, the handler has a second to say so to its peer. Then its connection is closed.
// It's also closed when the handler returns, so serve it in the handler's own goroutine.
// Browsers send no Authorization with an upgrade, but do send cookies, to any origin: check
// Origin if you take those.
package httpauth
