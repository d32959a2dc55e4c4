package interceptor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"

	"github.com/oidcrpc/oidcrpc/verifier"
)

// A TokenVerifier turns a bearer token into claims. [*verifier.Verifier],
// [*verifier.Issuers] and [*verifier.Tenants] do.
//
// An error that is a [*verifier.AuthError] refuses the caller, a
// [*verifier.KeysError] becomes Unavailable, and any other one Internal, unless the
// call's own context has ended: then Canceled or DeadlineExceeded. Nil claims without an
// error are Internal, too. Verify must be safe for concurrent use.
type TokenVerifier interface {
	Verify(ctx context.Context, token string) (*verifier.Claims, error)
}

// An Authenticator admits or refuses calls. Make one with [New]. It is safe for
// concurrent use by any number of servers; a zero Authenticator refuses every call.
type Authenticator struct {
	verifier     TokenVerifier
	realm        string
	resource     *resource // nil: challenges name none
	policy       policy
	observe      func(context.Context, Decision)
	streamExpiry bool
}

// New returns an Authenticator, or an error that names the option or the policy
// key which is wrong.
func New(tokens TokenVerifier, options ...Option) (*Authenticator, error) {
	if isNil(tokens) {
		return nil, errors.New("interceptor: New needs a TokenVerifier")
	}
	a := &Authenticator{verifier: tokens, realm: verifier.DefaultRealm, streamExpiry: true}
	for _, option := range options {
		if option == nil {
			return nil, errors.New("interceptor: New was given a nil Option")
		}
		if err := option.apply(a); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// isNil sees through the interface: a constructor whose error was ignored leaves a nil
// pointer in it.
func isNil(tokens TokenVerifier) bool {
	switch value := reflect.ValueOf(tokens); value.Kind() {
	case reflect.Invalid:
		return true
	case reflect.Pointer, reflect.Func, reflect.Map, reflect.Slice, reflect.Chan:
		return value.IsNil()
	default:
		return false
	}
}

// An Option changes what [New] makes.
type Option interface{ apply(*Authenticator) error }

type option func(*Authenticator) error

func (o option) apply(a *Authenticator) error { return o(a) }

// WithRealm names the realm of challenges (RFC 9110, section 11.5). The default,
// also for "", is [verifier.DefaultRealm].
func WithRealm(realm string) Option {
	return option(func(a *Authenticator) error {
		for _, r := range realm {
			if r < 0x20 || r > 0x7E {
				return errors.New("interceptor: WithRealm takes printable ASCII characters only")
			}
		}
		if realm != "" {
			a.realm = realm
		}
		return nil
	})
}

// WithResourceMetadata names the service's metadata in every challenge, those
// without an error code too (RFC 9728, section 5.1). [Authenticator.ResourceMetadata]
// serves them. By default challenges name none.
func WithResourceMetadata(m ResourceMetadata) Option {
	return option(func(a *Authenticator) error {
		compiled, err := m.compile()
		if err != nil {
			return fmt.Errorf("interceptor: %w", err)
		}
		a.resource = compiled
		return nil
	})
}

// WithPolicy sets the rules. Without it every procedure needs a valid token, and
// nothing more. It may be given once. [New] keeps a copy.
func WithPolicy(p Policy) Option {
	return option(func(a *Authenticator) error {
		if a.policy.procedures != nil {
			return errors.New("interceptor: WithPolicy was given twice")
		}
		compiled, err := p.compile()
		a.policy = compiled
		return err
	})
}

// WithObserver has observe called with every [Decision], in the call's goroutine:
// before the handler with the first, and again for each [Refuse] and for the expiry of
// a stream.
// It should be quick, and safe for concurrent use. Without it nothing is reported, and
// the library logs nothing by itself.
func WithObserver(observe func(context.Context, Decision)) Option {
	return option(func(a *Authenticator) error {
		a.observe = observe
		return nil
	})
}

// WithoutStreamExpiry lets a stream outlive its token. By default it ends when the
// token does.
func WithoutStreamExpiry() Option {
	return option(func(a *Authenticator) error {
		a.streamExpiry = false
		return nil
	})
}

// CheckPolicy returns an error that names every one of the procedures that has no
// rule of its own, and every rule that is of none of them: a procedure was forgotten,
// or a key misspelt. Wildcards do not count as a rule of one's own, and "/*" is of any
// procedure.
//
// It belongs into a test, with the procedures of all servers that a has: those that
// packages grpcauth and connectauth list.
func (a *Authenticator) CheckPolicy(procedures []string) error { return a.policy.check(procedures) }

// ResourceMetadata returns the well-known path of the document that
// [WithResourceMetadata] describes, and a handler that serves it, for
// [http.ServeMux.Handle]. It needs no token. The middleware of package connectauth
// serves it by itself. Without that option it serves 404.
//
// Strictly, a client that follows a challenge uses the document only if its resource
// is the very URL that was requested (RFC 9728, section 3.3). A service has one
// document, while each of its procedures has a URL of its own: only clients that
// take the resource for a prefix, or are told it, profit from the challenge.
func (a *Authenticator) ResourceMetadata() (path string, handler http.Handler) {
	if a.resource == nil {
		return resourcePath, http.NotFoundHandler()
	}
	return a.resource.path, a.resource
}
