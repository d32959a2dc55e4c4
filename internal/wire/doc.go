// Package wire tests what a caller gets, over every path that a call can take. It holds
// tests only. Calls go over local sockets to real servers.
//
// Two kinds of clients make them. Real ones (grpc-go's and connect-go's) make calls as
// they should be. Raw ones write frames and lines by hand, so that they can make the
// calls that no real client makes.
//
// # Which file answers which question
//
// With real clients:
//
//	what becomes of good, bad and no credentials?   outcome_test.go, refusal_test.go
//	on which paths, and where is the challenge?     path_test.go
//	how does a stream end when its token expires?   expiry_test.go
//	and when its token is revoked?                  revocation_test.go
//	and if the client never sends a message?        silent_test.go (a raw client)
//	and if the handler reuses its messages?         pool_test.go
//	who may use a token that is bound?              mutualtls_test.go, dpop_test.go
//	where does a nonce arrive?                      dpop_test.go
//	does our client prove it to our server?         dpop_client_test.go
//	which tokens does each policy let in?           verdict_test.go
//	what if the handler refuses its caller?         late_test.go
//	what if an HTTP/1.1 request doesn't end?        http1_test.go
//	does a flood of refusals fill the logs?         flood_test.go
//	what does the interceptor do on a client?       client_side_test.go
//
// With raw clients:
//
//	what passes for a good token?                   attack_test.go
//	does a disguised path escape its rule?          attack_path_test.go
//	and other HTTP methods, and broken HTTP/1.1?    attack_method_test.go, attack_http1_test.go
//	are health checks and reflection as closed?     attack_builtin_test.go
//	what can a compressed message cost?             attack_bomb_test.go
//	what if the caller leaves during a fetch?       attack_cancel_test.go
//
// # What they are made of
//
//	servers, one function for each stack            server_test.go
//	handlers, which play the script a call names    service_test.go, grpc_service_test.go, connect_service_test.go
//	real clients, behind one interface              client_test.go, grpc_client_test.go, connect_client_test.go
//	what such a client saw                          answer_test.go
//	the raw client's frames, and its protocols      http2_test.go, format_test.go
//	the verifier, and the tokens it knows           tokens_test.go
//	logs that should stay empty                     logbook_test.go, main_test.go
//
// To add a stack, add its server to server_test.go, its paths to path_test.go and its
// roads to attack_test.go. Every test then runs on it.
package wire
