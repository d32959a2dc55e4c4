package connectauth

import (
	"net/http"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"

	"github.com/oidcrpc/oidcrpc/interceptor"
)

// keepPrivate keeps the response to an admitted caller's GET out of shared caches, which
// would hand it to callers without a token. Even a browser's own cache has to see whether
// the caller is the same, or still anonymous. Caches only store responses to a GET, as
// Connect has for procedures without side effects. A handler may choose for itself.
func keepPrivate(admission *interceptor.Admission, info *connect.CallInfo) {
	if !isGet(info) {
		return
	}
	for _, key := range admission.Keys() {
		info.ResponseHeader().Add("Vary", key)
	}
	if _, ok := interceptor.ClaimsFromContext(admission.Context()); ok {
		setPrivate(info)
	}
}

func setPrivate(info *connect.CallInfo) {
	if isGet(info) && !info.ResponseHeader().Has("Cache-Control") {
		info.ResponseHeader().Set("Cache-Control", "private")
	}
}

func isGet(info *connect.CallInfo) bool { return info != nil && methodOf(info) == http.MethodGet }

// methodOf returns the HTTP method, or "" for a call in process.
func methodOf(info *connect.CallInfo) string {
	if server, ok := info.TransportInfo.(*connecthttp.ServerInfo); ok {
		return server.HTTPMethod()
	}
	return ""
}
