package interceptor

import (
	"context"
	"errors"
	"fmt"
)

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
