package earlyhttp

import (
	"context"
	"net"
	"net/http"

	"github.com/oidcrpc/oidcrpc/interceptor"
)

// ConnectionOf returns the connection by which a request arrived.
func ConnectionOf(r *http.Request) interceptor.Connection {
	return interceptor.Connection{TLS: r.TLS, Network: NetworkOf(r.Context()), Method: r.Method, URL: r.URL}
}

// NetworkOf returns the network of the listener in a request's context, which is its caller's, too.
// RemoteAddr doesn't say, since callers on a Unix socket have no address.
func NetworkOf(ctx context.Context) string {
	if local, ok := ctx.Value(http.LocalAddrContextKey).(net.Addr); ok {
		return local.Network()
	}
	return ""
}
