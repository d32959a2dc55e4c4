package connectauth

import (
	"context"
	"io"
	"net/http"

	"connectrpc.com/connect"

	"github.com/oidcrpc/oidcrpc/interceptor"
)

// NewMiddleware returns HTTP middleware that refuses calls before their body is
// read, decompressed or decoded, which interceptors of unary calls cannot:
//
//	mux := http.NewServeMux()
//	mux.Handle(greetv1connect.NewGreetServiceHandler(service,
//		connect.WithInterceptors(connectauth.NewInterceptor(auth))))
//	handler := connectauth.NewMiddleware(auth)(mux)
//
// It is an addition to the interceptor and never takes its place: a router may
// serve a procedure under any path, so that the interceptor evaluates the rule of
// the real procedure again. Only the verification of the token is not repeated.
//
// A path that is not "/service/method" is answered with 404, unless an option says
// otherwise; but that of the resource metadata, where there are any, with these.
// Preflight requests of browsers carry no token: CORS handling belongs in front.
//
// On HTTP/1.1 it also lets a refusal leave while the client is still sending, at
// the cost of the connection. It panics if auth is nil.
func NewMiddleware(auth *interceptor.Authenticator, options ...MiddlewareOption) func(http.Handler) http.Handler {
	mustHave(auth)
	m := &middleware{auth: auth, errors: connect.NewErrorWriter()}
	m.metadataPath, m.metadata = auth.ResourceMetadata()
	for _, option := range options {
		option.apply(m)
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			m.serve(w, r, next)
		})
	}
}

// A MiddlewareOption changes what [NewMiddleware] makes.
type MiddlewareOption interface{ apply(*middleware) }

type middlewareOption func(*middleware)

func (o middlewareOption) apply(m *middleware) { o(m) }

// WithSkip leaves alone the requests for which skip returns true, such as those for
// static files. By default there are none.
func WithSkip(skip func(*http.Request) bool) MiddlewareOption {
	return middlewareOption(func(m *middleware) { m.skip = skip })
}

type middleware struct {
	auth   *interceptor.Authenticator
	errors *connect.ErrorWriter
	skip   func(*http.Request) bool

	metadataPath string
	metadata     http.Handler
}

func (m *middleware) serve(w http.ResponseWriter, r *http.Request, next http.Handler) {
	if m.skip != nil && m.skip(r) {
		next.ServeHTTP(w, r)
		return
	}
	if r.URL.Path == m.metadataPath {
		m.metadata.ServeHTTP(w, r)
		return
	}
	if !interceptor.IsProcedure(r.URL.Path) {
		http.NotFound(w, r)
		return
	}
	ctx := r.Context()
	if r.ProtoMajor == 1 {
		ctx = context.WithValue(ctx, http1Key{}, true)
	}
	admitted, refusal := m.auth.Preauthenticate(ctx, call(r.URL.Path, r.Header))
	if refusal != nil {
		setChallenge(w.Header(), refusal)
		closeConnection(ctx, w.Header())
		_ = m.errors.Write(w, r, newError(refusal))
		return
	}
	r = r.WithContext(admitted)
	if r.ProtoMajor == 1 {
		r.Body = undrained{r.Body}
	}
	next.ServeHTTP(w, r)
}

// undrained is a request body that stays open when connect-go closes it. Closing
// one of HTTP/1.1 waits for what the client has still to send, and the response
// with it. The server closes the real body in the end.
type undrained struct{ io.ReadCloser }

func (undrained) Close() error { return nil }

type http1Key struct{}

// closeConnection marks a refusal over HTTP/1.1 as the last response of its
// connection: net/http then sends it without waiting for the rest of the request,
// which could not be told from the next one.
func closeConnection(ctx context.Context, header http.Header) {
	if ctx.Value(http1Key{}) != nil {
		header.Set("Connection", "close")
	}
}
