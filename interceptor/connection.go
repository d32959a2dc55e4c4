package interceptor

import (
	"context"
	"crypto/tls"
	"net/url"
)

// A Connection is how a call arrived, as far as is known. The zero Connection is no knowledge.
type Connection struct {
	// TLS is the state of the caller's connection, with the certificates it presented. It's nil
	// for plaintext and in process. A proxy that ends TLS is the caller here.
	TLS *tls.ConnectionState

	// Method is the HTTP method, or "".
	Method string

	// Network is what the caller's [net.Addr] says, such as "tcp" or "unix", or "".
	Network string

	// URL is the requested one in the form of [net/http.Request], usually just its path, or nil.
	URL *url.URL
}

// connectionOf returns the connection by which a request arrived.
func connectionOf(ctx context.Context, request Request) Connection {
	if known, ok := request.(interface {
		Connection(ctx context.Context) Connection
	}); ok {
		return known.Connection(ctx)
	}
	return Connection{}
}
