package interceptor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"sync/atomic"

	"github.com/oidcrpc/oidcrpc/verifier/dpop"
	"github.com/oidcrpc/oidcrpc/verifier/revocation"
)

// An Authenticator admits or refuses calls. Make one with [New]. It's safe for
// concurrent use by any number of servers. A zero Authenticator refuses every call.
type Authenticator struct {
	given        []givenPlace // as the options name them; New's verifier has the first
	places       places
	isMoved      bool                   // WithPlace was given
	noBearer     bool                   // authorization takes no Bearer token, and challenges offer none
	realm        string                 // "" for the verifier's default
	challenges   string                 // of the other schemes in authorization
	resource     *resource              // nil: challenges name none
	mutualTLS    *mutualTLS             // nil: tokens bound to a certificate are refused
	dpop         *dpop.Checker          // nil: tokens bound to a key are refused
	policy       atomic.Pointer[policy] // nil: no rules
	observers    []func(context.Context, Decision)
	openStreams  *atomic.Int64 // nil: not counted
	streamExpiry bool
	revocations  *revocation.List // nil: none
	keepTokens   bool
	answers      answers
}

// New returns an Authenticator. The TokenVerifier gets what stands behind Bearer in
// authorization, or in the place that [WithPlace] names. [WithCredential] adds other
// places. An error names the option or the policy key at fault.
func New(v TokenVerifier, options ...Option) (*Authenticator, error) {
	if isNil(v) {
		return nil, errors.New("interceptor: New needs a TokenVerifier")
	}
	a := &Authenticator{streamExpiry: true, given: []givenPlace{{place: bearer, verifier: v}}}
	for _, option := range options {
		if option == nil {
			return nil, errors.New("interceptor: New was given a nil Option")
		}
		if err := option.apply(a); err != nil {
			return nil, err
		}
	}
	if a.mutualTLS != nil || a.dpop != nil {
		if err := a.acceptBound(v); err != nil {
			return nil, fmt.Errorf("interceptor: %w", err)
		}
	}
	for _, given := range a.given {
		if err := a.places.add(given); err != nil {
			return nil, fmt.Errorf("interceptor: WithCredential: %w", err)
		}
	}
	if a.dpop != nil {
		a.places.keys = append(a.places.keys, proofKey)
	}
	a.noBearer = !a.places.has(bearer)
	if a.noBearer && a.resource != nil {
		return nil, errors.New("interceptor: WithResourceMetadata needs Bearer in authorization: the document says " +
			"that tokens go there")
	}
	if a.resource != nil {
		a.resource.content.CertificateBound = a.mutualTLS != nil
		if a.dpop != nil {
			a.resource.content.ProofAlgorithms = a.dpop.Algorithms()
		}
		if err := a.resource.complete(); err != nil {
			return nil, fmt.Errorf("interceptor: WithResourceMetadata: %w", err)
		}
	}
	a.challenges = a.places.otherChallenges(a.realm)
	if len(a.challenges) > maxOtherChallengeBytes {
		return nil, fmt.Errorf("interceptor: the schemes in WithCredential make challenges %d bytes longer; "+
			"at most %d fit", len(a.challenges), maxOtherChallengeBytes)
	}
	return a, nil
}

// acceptBound has New's verifier judge bound tokens, and adds the place for those with a proof.
func (a *Authenticator) acceptBound(v TokenVerifier) error {
	name := "WithMutualTLS"
	if a.dpop != nil {
		name = "WithDPoP"
	}
	bound, err := boundVerifierOf(v)
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", name, err)
	case a.dpop != nil && a.isMoved:
		return errors.New("WithDPoP excludes WithPlace: the scheme DPoP stands in authorization")
	}
	a.given[0].bound = bound
	if a.dpop != nil {
		a.given = append(a.given, givenPlace{place: dpopPlace, verifier: v, bound: bound})
	}
	return nil
}

// maxOtherChallengeBytes bounds what other schemes add to the header list of a refusal.
const maxOtherChallengeBytes = 400

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

// WithCredential accepts another kind of credential in place, judged by v. It may be
// given once for each place, and not for that of [New]'s verifier. Without it a call is judged
// by what New's verifier gets, and nothing else is looked at.
//
// A call must carry exactly one credential. One with credentials in several places is
// refused, since a proxy may have looked at only one of them, and so is one with several
// values in a place. A proxy that sets a credential must also remove the caller's own from
// every place.
//
// Policy, streams and the observer treat all places alike: [Decision].Credential says
// which it was. Challenges offer the schemes in authorization, and only Bearer's says
// what was wrong with a token.
func WithCredential(place Place, v TokenVerifier) Option {
	return option(func(a *Authenticator) error {
		if isNil(v) {
			return fmt.Errorf("interceptor: WithCredential needs a TokenVerifier for %q", place)
		}
		if err := place.validate(); err != nil {
			return fmt.Errorf("interceptor: WithCredential: %w", err)
		}
		a.given = append(a.given, givenPlace{place: place, verifier: v})
		return nil
	})
}

// WithPlace moves [New]'s verifier from Bearer in authorization to place, for a proxy or a
// gateway that puts its token there. Authorization isn't looked at any more, unless
// [WithCredential] names a scheme in it. It may be given once.
//
// Challenges still offer only schemes in authorization. If no option names one, a refusal
// has no challenge, and its status details alone say why. [WithResourceMetadata] is an error
// unless Bearer is a place in authorization.
func WithPlace(place Place) Option {
	return option(func(a *Authenticator) error {
		if a.isMoved {
			return errors.New("interceptor: WithPlace was given twice")
		}
		if err := place.validate(); err != nil {
			return fmt.Errorf("interceptor: WithPlace: %w", err)
		}
		a.isMoved, a.given[0].place = true, place
		return nil
	})
}

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

// WithMutualTLS accepts tokens that are bound to a certificate, from callers who present it
// (RFC 8705). Without it they are refused. Bearer tokens are accepted as before, unless
// [verifier.Requirement].Bound says otherwise. It may be given once.
//
// It's for [New]'s verifier, which needs a method VerifyBound, as those in packages verifier
// and introspection have. A verifier that wraps one of them must wrap both its methods. To
// have none forgotten, it can't embed one: keep it in a named field.
//
// A stream is proven at its start. The proof holds as long as its connection does.
func WithMutualTLS(m MutualTLS) Option {
	return option(func(a *Authenticator) error {
		if a.mutualTLS != nil {
			return errors.New("interceptor: WithMutualTLS was given twice")
		}
		compiled, err := m.compile()
		if err != nil {
			return fmt.Errorf("interceptor: %w", err)
		}
		a.mutualTLS = compiled
		return nil
	})
}

// WithDPoP accepts tokens that are bound to a key, under the scheme DPoP and with one proof in
// the dpop field for each call (RFC 9449). Without it they are refused. Bearer tokens are
// accepted as before, unless [verifier.Requirement].Bound says otherwise. It may be given once,
// and not with [WithPlace]. See [dpop.Config] for what must be set, and for several replicas.
//
// It's for [New]'s verifier, as described for [WithMutualTLS].
//
// A stream is proven at its start. One Authenticator must see each call once, since a proof
// counts once: the middleware in package connectauth knows that, but two interceptors don't.
func WithDPoP(config dpop.Config) Option {
	return option(func(a *Authenticator) error {
		if a.dpop != nil {
			return errors.New("interceptor: WithDPoP was given twice")
		}
		checker, err := dpop.New(config)
		if err != nil {
			return fmt.Errorf("interceptor: WithDPoP: %w", err)
		}
		a.dpop = checker
		return nil
	})
}

// WithPolicy sets the rules. Without it every procedure needs a valid token, and
// nothing more. It may be given once. [New] keeps a copy.
func WithPolicy(p Policy) Option {
	return option(func(a *Authenticator) error {
		if a.policy.Load() != nil {
			return errors.New("interceptor: WithPolicy was given twice")
		}
		return a.SetPolicy(p)
	})
}

// WithObserver calls observe with every [Decision], in the call's goroutine: once
// before the handler, and again if the handler refuses the call or a stream's token
// expires or is revoked. It should be quick, and safe for concurrent use. Several observers are
// called in their order. Without any nothing is reported, and the library never logs by itself.
func WithObserver(observe func(context.Context, Decision)) Option {
	return option(func(a *Authenticator) error {
		if observe == nil {
			return errors.New("interceptor: WithObserver was given nil")
		}
		a.observers = append(a.observers, observe)
		return nil
	})
}

// WithStreamCount keeps the number of open streams that end with their token in open, for a
// metric. They end when it expires, or is revoked. Public and anonymous streams don't count. It
// may be given once.
func WithStreamCount(open *atomic.Int64) Option {
	return option(func(a *Authenticator) error {
		if open == nil || a.openStreams != nil {
			return errors.New("interceptor: WithStreamCount was given nil, or twice")
		}
		a.openStreams = open
		return nil
	})
}

// WithRevocations refuses callers whose token is on the list, whatever their credential is and
// wherever it stands, after the verifier and before the rule. Their open streams end, with
// [WithoutStreamExpiry] too: see [Stream]. Several Authenticators may share a list, and calls
// without a credential don't depend on it. It may be given once. By default a token is good until
// it expires.
//
// A token that lives longer than [revocation.Config].Keep is refused, and so is every token while
// the list is stale, if you chose that.
func WithRevocations(list *revocation.List) Option {
	return option(func(a *Authenticator) error {
		if list == nil {
			return errors.New("interceptor: WithRevocations needs a List")
		}
		if a.revocations != nil {
			return errors.New("interceptor: WithRevocations was given twice")
		}
		a.revocations = list
		return nil
	})
}

// WithoutStreamExpiry lets a stream outlive its token. By default it ends when the
// token does. [WithRevocations] ends it all the same if the token is revoked.
func WithoutStreamExpiry() Option {
	return option(func(a *Authenticator) error {
		a.streamExpiry = false
		return nil
	})
}

// SetPolicy replaces all rules, for a policy that changes while the server runs: package
// policyfile reads one from a file. It keeps a copy. An error names the key at fault, and
// then the old rules stay. Each call is decided by one policy, old or new. Streams that are
// open stay so: their rule was checked at their start. It's safe for concurrent use.
func (a *Authenticator) SetPolicy(p Policy) error {
	compiled, err := p.compile()
	if err == nil {
		a.policy.Store(compiled)
	}
	return err
}

// CheckPolicy reports procedures without an explicit rule, which were forgotten, and
// rules that match no procedure, whose keys are misspelt. A wildcard is no explicit
// rule, and "/*" matches any procedure.
//
// Call it from a test, with the procedures of all servers behind a. Packages grpcauth
// and connectauth can list them. They needn't list health checks and reflection, which
// connect-go serves without descriptors: a rule for one of those is never misspelt.
func (a *Authenticator) CheckPolicy(procedures []string) error {
	return a.rules().check(procedures)
}

func (a *Authenticator) rules() *policy {
	if rules := a.policy.Load(); rules != nil {
		return rules
	}
	return noPolicy
}

// CheckRule reports a name that isn't of the form "/service/method", or to which no rule
// in the policy applies. A handler that names its rule itself could have misspelt it, and
// would then be open to every token. Without [WithPolicy] any name of this form will do.
// For adapters.
func (a *Authenticator) CheckRule(name string) error {
	rules := a.rules()
	rule, ok := rules.rule(name)
	switch {
	case !ok:
		return fmt.Errorf(`interceptor: the rule %q must be of the form "/service/method"`, name)
	case rule == noRule && rules != noPolicy:
		return fmt.Errorf("interceptor: Policy has no rule %q", name)
	default:
		return nil
	}
}

// ResourceMetadata returns the path and the handler to serve the document from
// [WithResourceMetadata] with, ready for [http.ServeMux.Handle]. Clients need no token
// to read it. The middleware in package connectauth serves it by itself. Without the
// option the handler answers 404.
//
// Strictly, a client must not follow a challenge to the document unless its resource is
// the very URL of the request (RFC 9728, section 3.3). A service has one document, but
// each procedure has its own URL. So the challenge only helps clients that take the
// resource for a prefix, or already know it. An HTTP handler can be such a resource: give
// it an Authenticator of its own, made by [New] with the same verifier and options.
func (a *Authenticator) ResourceMetadata() (path string, handler http.Handler) {
	if a.resource == nil {
		return resourcePath, http.NotFoundHandler()
	}
	return a.resource.path, a.resource
}
