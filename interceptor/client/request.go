package client

import (
	"cmp"
	"maps"
	"net/http"
)

// originOf returns the scheme and the authority as the server sees them.
func originOf(req *http.Request) string {
	return req.URL.Scheme + "://" + cmp.Or(req.Host, req.URL.Host)
}

// pathOf returns the path as it's sent.
func pathOf(req *http.Request) string { return cmp.Or(req.URL.EscapedPath(), "/") }

// withProof returns a copy, since a transport must not change its request.
func withProof(req *http.Request, value string) *http.Request {
	proven := *req
	proven.Header = maps.Clone(req.Header)
	if proven.Header == nil {
		proven.Header = make(http.Header)
	}
	proven.Header["Dpop"] = []string{value}
	return &proven
}

// withoutProof returns a copy, too.
func withoutProof(req *http.Request) *http.Request {
	bare := *req
	bare.Header = maps.Clone(req.Header)
	delete(bare.Header, "Dpop")
	return &bare
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
}

func closeIdle(base http.RoundTripper) {
	if closer, ok := base.(interface{ CloseIdleConnections() }); ok {
		closer.CloseIdleConnections()
	}
}
