// Package connectconformance runs Connect's own conformance suite
// (connectrpc.com/conformance) through our interceptors, on connect v1 and v2. Its cases
// get one more header: a token from an issuer the server trusts. All of them pass, so a
// secured server is as conformant as before. Without the header each call has to be
// refused instead, and the suite's clients check how a refusal is written.
//
// An ordinary test leaves out TLS, HTTP/3, compression, JSON and timeouts. The whole
// suite, 13 022 cases five times over, takes minutes:
//
//	OIDCRPC_CONFORMANCE=1 go -C internal/connectconformance test -v -timeout 60m .
package connectconformance
