package interceptor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"

	"github.com/oidcrpc/oidcrpc/verifier"
)

// A TokenVerifier turns a bearer token into claims, as [*verifier.Verifier],
// [*verifier.Multi] and [*verifier.Dynamic] do. Your own can wrap one of these, or make
// claims with [verifier.NewClaims] for any other kind of credential. The policy, the
// observer and streams treat all claims alike.
//
// A [*verifier.AuthError] from Verify refuses the caller, and so do claims that have
// expired. A [*verifier.KeysError] becomes Unavailable. Any other error becomes Internal,
// as do nil or zero claims without an error. Once the call's own context has ended, it's Canceled or DeadlineExceeded
// instead. Verify must be safe for concurrent use.
//
// A credential may be 16 KiB long, or as long as a method MaxTokenBytes() int says.
type TokenVerifier interface {
	Verify(ctx context.Context, token string) (*verifier.Claims, error)
}

// An Authenticator admits or refuses calls. Make one with [New]. It's safe for
// concurrent use by any number of servers. A zero Authenticator refuses every call.
type Authenticator struct {
	verifier     TokenVerifier
	maxToken     int       // the longest token in bytes
	realm        string    // "" for the verifier's default
	resource     *resource // nil: challenges name none
	policy       policy
	observe      func(context.Context, Decision)
	streamExpiry bool
}

// New returns an Authenticator. An error names the option or the policy key at fault.
func New(v TokenVerifier, options ...Option) (*Authenticator, error) {
	if isNil(v) {
		return nil, errors.New("interceptor: New needs a TokenVerifier")
	}
	a := &Authenticator{verifier: v, maxToken: defaultMaxTokenBytes, streamExpiry: true}
	if bounded, ok := v.(interface{ MaxTokenBytes() int }); ok {
		a.maxToken = bounded.MaxTokenBytes()
	}
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

// isNil looks inside the interface: ignoring a constructor's error leaves a nil pointer
// there.
func isNil(v TokenVerifier) bool {
	switch value := reflect.ValueOf(v); value.Kind() {
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

const maxRealmBytes = 128

// WithRealm names the realm in challenges (RFC 9110, section 11.5), in at most 128
// characters. The default is "api", also for an empty realm.
func WithRealm(realm string) Option {
	return option(func(a *Authenticator) error {
		if len(realm) > maxRealmBytes {
			return fmt.Errorf("interceptor: WithRealm takes at most %d characters", maxRealmBytes)
		}
		for _, r := range realm {
			if r < 0x20 || r > 0x7E {
				return errors.New("interceptor: WithRealm takes printable ASCII characters only")
			}
		}
		a.realm = realm
		return nil
	})
}

// WithResourceMetadata names the service's metadata in every challenge, even in one
// without an error code (RFC 9728, section 5.1). [Authenticator.ResourceMetadata]
// serves it. By default challenges name none.
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

// WithObserver calls observe with every [Decision], in the call's goroutine: once
// before the handler, and again if the handler refuses the call or a stream's token
// expires. It should be quick, and safe for concurrent use. It may be given once.
// Without it nothing is reported, and the library never logs by itself.
func WithObserver(observe func(context.Context, Decision)) Option {
	return option(func(a *Authenticator) error {
		if a.observe != nil {
			return errors.New("interceptor: WithObserver was given twice")
		}
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

// CheckPolicy reports procedures without an explicit rule, which were forgotten, and
// rules that match no procedure, whose keys are misspelt. A wildcard is no explicit
// rule, and "/*" matches any procedure.
//
// Call it from a test, with the procedures of all servers behind a. Packages grpcauth
// and connectauth can list them.
func (a *Authenticator) CheckPolicy(procedures []string) error { return a.policy.check(procedures) }

// ResourceMetadata returns the path and the handler to serve the document from
// [WithResourceMetadata] with, ready for [http.ServeMux.Handle]. Clients need no token
// to read it. The middleware in package connectauth serves it by itself. Without the
// option the handler answers 404.
//
// Strictly, a client must not follow a challenge to the document unless its resource is
// the very URL of the request (RFC 9728, section 3.3). A service has one document, but
// each procedure has its own URL. So the challenge only helps clients that take the
// resource for a prefix, or already know it.
func (a *Authenticator) ResourceMetadata() (path string, handler http.Handler) {
	if a.resource == nil {
		return resourcePath, http.NotFoundHandler()
	}
	return a.resource.path, a.resource
}
