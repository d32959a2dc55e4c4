package httpauth

import (
	"cmp"
	"context"
	"net/http"
	"net/url"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/internal/earlyhttp"
)

// Middleware returns a function that wraps handlers. They get what the rule admits. The rule
// is a name of the form "/service/method" for a key of the policy, and the observer sees it
// as the procedure. Give it to [interceptor.Authenticator.CheckPolicy], too.
//
// Middleware panics if auth or an option is nil, or if the policy has no rule that applies
// to the name, since it's misspelt then: see [interceptor.Authenticator.CheckRule]. If the
// policy is replaced later, a name without a rule needs any valid token, as a procedure does.
//
// CORS handling belongs in front: preflight requests carry no token, and are refused unless
// an option says otherwise. Where a [connectauth.Middleware] stands in front, too, its
// WithSkip has to pass the path on.
//
// [connectauth.Middleware]: https://pkg.go.dev/github.com/oidcrpc/oidcrpc/connectauth#Middleware
func Middleware(auth *interceptor.Authenticator, rule string, options ...Option) func(http.Handler) http.Handler {
	//nolint:forbidigo // there is no server to return an error to
	if auth == nil {
		panic("httpauth: the Authenticator is nil")
	}
	//nolint:forbidigo // as for a bad pattern in http.ServeMux
	if err := auth.CheckRule(rule); err != nil {
		panic("httpauth: " + err.Error())
	}
	m := &middleware{auth: auth, rule: rule}
	for _, option := range options {
		if option == nil {
			//nolint:forbidigo // as for a nil Authenticator
			panic("httpauth: Middleware was given a nil Option")
		}
		option.apply(m)
	}
	return m.wrap
}

// An Option changes what [Middleware] makes.
type Option interface{ apply(*middleware) }

type option func(*middleware)

func (o option) apply(m *middleware) { o(m) }

// WithPreflights passes preflight requests on without a token, for a handler that has its
// CORS handling inside. The handler must not act on method OPTIONS itself: a stranger can
// make any request look like a preflight. By default they're refused.
func WithPreflights() Option {
	return option(func(m *middleware) { m.preflights = true })
}

type middleware struct {
	auth       *interceptor.Authenticator
	rule       string
	preflights bool
}

func (m *middleware) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if m.preflights && isPreflight(r) {
			next.ServeHTTP(w, r)
			return
		}
		m.serve(w, r, next)
	})
}

// isPreflight reports whether r is a CORS-preflight request (Fetch Standard, section 3.2.2).
func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Origin") != "" &&
		r.Header.Get("Access-Control-Request-Method") != ""
}

func (m *middleware) serve(w http.ResponseWriter, r *http.Request, next http.Handler) {
	admission, refusal := m.auth.Authenticate(r.Context(), interceptor.Call{
		Procedure:     m.rule,
		Method:        r.Method,
		Path:          cmp.Or(sentURL(r).EscapedPath(), "/"),
		Peer:          r.RemoteAddr,
		Authorization: r.Header.Values("Authorization"),
		Request:       (*request)(r),
	})
	if refusal != nil {
		write(w, r, refusal)
		return
	}
	if nonce := admission.Nonce(); nonce != "" && !isCacheable(r) { // RFC 9449, section 8.2
		w.Header().Set("DPoP-Nonce", nonce)
	}
	guarded := &response{ResponseWriter: w, request: r, admission: admission}
	ctx, cancel := context.WithCancelCause(admission.Context())
	defer cancel(nil)
	guarded.cancel = cancel
	defer guarded.release()
	next.ServeHTTP(guarded, r.WithContext(context.WithValue(ctx, responseKey{}, guarded)))
	guarded.finish()
}

// request is a request, as package interceptor reads it.
type request http.Request

func (r *request) Values(_ context.Context, key string) []string { return r.Header.Values(key) }

func (r *request) Connection(context.Context) interceptor.Connection {
	connection := earlyhttp.ConnectionOf((*http.Request)(r))
	connection.URL = sentURL((*http.Request)(r))
	return connection
}

// sentURL returns the URL as the client sent it: a router may have taken a prefix away.
func sentURL(r *http.Request) *url.URL {
	if sent, err := url.ParseRequestURI(r.RequestURI); err == nil {
		return sent
	}
	return r.URL
}
