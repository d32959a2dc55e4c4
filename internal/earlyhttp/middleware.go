package earlyhttp

import (
	"context"
	"net/http"
	"strings"

	"github.com/oidcrpc/oidcrpc/interceptor"
)

// A Middleware refuses calls before a handler sees them, and helps refusals arrive.
type Middleware struct {
	// Skip passes requests on unseen if it returns true for them. Nil skips none.
	Skip func(*http.Request) bool

	auth         *interceptor.Authenticator
	prefixes     []string // without a slash at the end
	write        ErrorWriter
	metadataPath string
	metadata     http.Handler
}

// An ErrorWriter writes a refusal as the framework writes an error.
type ErrorWriter func(w http.ResponseWriter, r *http.Request, refusal *interceptor.Refusal)

// New returns middleware that asks auth.
func New(auth *interceptor.Authenticator, write ErrorWriter) *Middleware {
	m := &Middleware{auth: auth, write: write}
	m.metadataPath, m.metadata = auth.ResourceMetadata()
	return m
}

// AddPrefix names what may stand in front of a procedure in a path.
func (m *Middleware) AddPrefix(prefix string) {
	m.prefixes = append(m.prefixes, "/"+strings.Trim(prefix, "/"))
}

// Wrap returns a handler that passes admitted calls on to next.
func (m *Middleware) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.serve(w, r, next)
	})
}

func (m *Middleware) serve(w http.ResponseWriter, r *http.Request, next http.Handler) {
	if m.Skip != nil && m.Skip(r) {
		next.ServeHTTP(w, r)
		return
	}
	if r.URL.Path == m.metadataPath {
		m.metadata.ServeHTTP(w, r)
		return
	}
	if refusal := m.auth.Preauthenticate(r.Context(), m.call(r)); refusal != nil {
		m.refuse(w, r, refusal)
		return
	}
	r, body := withBody(w, r)
	next.ServeHTTP(w, r)
	if body.refused.Load() {
		drain(w, r)
	}
}

func (m *Middleware) call(r *http.Request) interceptor.Call {
	return interceptor.Call{
		Procedure:     m.procedure(r.URL.Path),
		Peer:          r.RemoteAddr,
		Method:        r.Method,
		Authorization: r.Header.Values("Authorization"),
		Request:       (*request)(r),
	}
}

// procedure returns a path without its prefix, and the path itself if it has none.
func (m *Middleware) procedure(path string) string {
	for _, prefix := range m.prefixes {
		if procedure, ok := strings.CutPrefix(path, prefix); ok && interceptor.IsProcedure(procedure) {
			return procedure
		}
	}
	return path
}

// request is a request, as package interceptor reads it.
type request http.Request

func (r *request) Values(_ context.Context, key string) []string { return r.Header.Values(key) }

func (r *request) Connection(context.Context) interceptor.Connection {
	return ConnectionOf((*http.Request)(r))
}

func (m *Middleware) refuse(w http.ResponseWriter, r *http.Request, refusal *interceptor.Refusal) {
	if refusal.Code == interceptor.CodeUnimplemented {
		http.Error(w, "404 page not found: "+refusal.Message, http.StatusNotFound)
		return
	}
	header := w.Header()
	if refusal.Challenge != "" {
		header.Set("WWW-Authenticate", refusal.Challenge)
	}
	if refusal.Nonce != "" {
		header.Set("DPoP-Nonce", refusal.Nonce)
		header.Set("Cache-Control", "no-store") // RFC 9449, section 8.2
	}
	if r.Method == http.MethodGet && header["Cache-Control"] == nil {
		header.Set("Cache-Control", "private")
	}
	Refuse(w, r, func() {
		response := &trailersOnly{ResponseWriter: w}
		m.write(response, r, refusal)
		response.send(r, refusal)
	})
}
