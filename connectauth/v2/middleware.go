package connectauth

import (
	"net/http"

	"connectrpc.com/connect/v2/connecthttp"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/internal/earlyhttp"
)

// A Middleware refuses calls before connect-go sees them, unregistered procedures
// included, which reach no interceptor:
//
//	server := connect.NewServer(connectauth.NewServerInterceptor(auth))
//	greetv1connect.RegisterGreetServiceHandler(server, service)
//	connecthttp.Mount(mux, server)
//	handler := connectauth.NewMiddleware(auth).Wrap(mux)
//
// It complements the interceptor and never replaces it: a router may serve a procedure
// under any path, so the interceptor evaluates the rule for the real procedure again.
// The verifier remembers the token.
//
// A path that isn't "/service/method" gets a 404, unless an option says otherwise, and the
// observer hears of it. The exception is the resource-metadata path, which is served if
// configured. Preflight requests from browsers carry no token: CORS handling belongs in
// front.
//
// It also helps refusals arrive, its own and the interceptor's. Over HTTP/1.1 they leave
// while the client is still sending, at the cost of the connection. Where all of the
// request is there, the connection stays. Over HTTP/2 they wait for a little more from
// such a client, as proxies need. In the gRPC protocol its own are Trailers-Only, as
// retries need.
type Middleware struct{ early *earlyhttp.Middleware }

// NewMiddleware returns middleware for any number of handlers. It panics if auth or
// an option is nil.
func NewMiddleware(auth *interceptor.Authenticator, options ...MiddlewareOption) *Middleware {
	mustHave(auth)
	writer := connecthttp.NewErrorWriter()
	m := &Middleware{earlyhttp.New(auth, func(w http.ResponseWriter, r *http.Request, refusal *interceptor.Refusal) {
		_ = writer.Write(w, r, newError(refusal))
	})}
	for _, option := range options {
		if option == nil {
			//nolint:forbidigo // as for a nil Authenticator
			panic("connectauth: NewMiddleware was given a nil MiddlewareOption")
		}
		option.apply(m)
	}
	return m
}

// A MiddlewareOption changes what [NewMiddleware] makes.
type MiddlewareOption interface{ apply(*Middleware) }

type middlewareOption func(*Middleware)

func (o middlewareOption) apply(m *Middleware) { o(m) }

// WithSkip passes requests on unseen if skip returns true for them, such as the ones
// for static files. By default none are.
func WithSkip(skip func(*http.Request) bool) MiddlewareOption {
	return middlewareOption(func(m *Middleware) { m.early.Skip = skip })
}

// WithPrefix also takes the paths for procedures that stand under prefix, such as "/api" for
// a mux that serves them behind [http.StripPrefix]. It may be given several times. Without
// it they get a 404. A middleware that stands behind StripPrefix itself needs none.
func WithPrefix(prefix string) MiddlewareOption {
	return middlewareOption(func(m *Middleware) { m.early.AddPrefix(prefix) })
}

// Wrap returns a handler that passes admitted calls on to next.
func (m *Middleware) Wrap(next http.Handler) http.Handler { return m.early.Wrap(next) }
