package connectauth

import (
	"context"
	"net/http"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"

	"github.com/oidcrpc/oidcrpc/interceptor"
)

// keepPrivate keeps the response to an admitted caller's GET out of shared caches, which
// would hand it to callers without a token. Caches only store responses to a GET, as
// Connect has for procedures without side effects. A handler may choose for itself.
func keepPrivate(admitted context.Context, info *connect.CallInfo) {
	if _, ok := interceptor.ClaimsFromContext(admitted); ok {
		setPrivate(info)
	}
}

func setPrivate(info *connect.CallInfo) {
	if info == nil {
		return
	}
	server, ok := info.TransportInfo.(*connecthttp.ServerInfo)
	if header := info.ResponseHeader(); ok && server.HTTPMethod() == http.MethodGet && !header.Has("Cache-Control") {
		header.Set("Cache-Control", "private")
	}
}
