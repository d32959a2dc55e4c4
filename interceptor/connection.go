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

	// URL is the requested one in the form of [net/http.Request], usually just its path, or nil.
	URL *url.URL
}

// ConnectionFromContext returns the connection of an admitted call, to its handler. Package
// connectauth knows it only behind its middleware.
func ConnectionFromContext(ctx context.Context) Connection {
	call, _ := ctx.Value(callKey{}).(*callContext)
	if call == nil {
		return Connection{}
	}
	if request, ok := call.request.(interface {
		Connection(ctx context.Context) Connection
	}); ok {
		return request.Connection(call.Context)
	}
	return Connection{}
}
