package interceptor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/oidcrpc/oidcrpc/internal/field"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/dpop"
)

// A Call is what an adapter knows about a call before it's admitted. For adapters.
type Call struct {
	// Procedure is "/package.Service/Method", as the framework names it. Any other
	// shape is refused.
	Procedure string

	// Authorization holds every value of the call's authorization metadata.
	Authorization []string

	// Peer is the caller's address, for the observer. It may be empty.
	Peer string

	// Method is the HTTP method, which a proof must name: see [WithDPoP]. Empty means POST, as
	// for every call but a Connect GET.
	Method string

	// Path is the escaped path of the requested URL, which a proof must name, too. Empty means
	// Procedure, as for every RPC.
	Path string

	// Request lets credentials be found elsewhere. If it's nil and an option names such a
	// place, the call is refused.
	Request Request

	isEarly bool // ahead of the call itself
}

// A Request is how an adapter lets credentials be found. It's read only for the places
// that [WithCredential] names, and for proofs. A map or a pointer makes one without an
// allocation. If it has a method Connection(context.Context) Connection,
// [ConnectionFromContext] and [WithMutualTLS] ask it. For adapters.
type Request interface {
	// Values returns every metadata value under key, neither joined nor split, not even
	// for cookies. The key is in the canonical form of [http.Header], as in "X-Api-Key".
	// Its case doesn't matter. The ctx is the one the call was passed on with.
	Values(ctx context.Context, key string) []string
}

// A credential is what a call carries in one of the places.
type credential struct {
	place *namedPlace // nil: the call carries none
	token string
	proof *dpop.Proof // of a token with the scheme DPoP
}

// find returns the only credential in a call. With an error, its place is the one at
// fault, or nil if this isn't clear. A call that carries nothing at all gets neither a
// credential nor an error.
//
// Two credentials are how one is smuggled past a proxy that looks at only one of them:
// neither is used.
func (p *places) find(ctx context.Context, sent []string, request Request) (credential, error) {
	var found credential
	var otherScheme error
	for i := range p.fields {
		values := sent
		if p.fields[i].key != authorization {
			if request == nil {
				return credential{}, errNoRequest
			}
			values = request.Values(ctx, p.keys[i])
		}
		if len(values) == 0 {
			continue
		}
		one, err := p.fields[i].find(values)
		switch {
		case errors.Is(err, errOtherScheme):
			otherScheme = missingToken(err)
		case err != nil && found.place != nil:
			return credential{}, p.invalidRequest(err)
		case err != nil:
			return one, p.invalidRequest(err)
		case one.place != nil && found.place != nil:
			return credential{}, p.invalidRequest(errTwo(found.place, one.place))
		case one.place != nil:
			found = one
		}
	}
	if found.place == nil {
		return found, otherScheme
	}
	return found, nil
}

func (f *credentialField) find(values []string) (credential, error) {
	switch {
	case f.kind == cookied:
		return f.findCookie(values)
	case len(values) > 1 && f.kind == bare:
		return credential{place: &f.places[0]}, f.severalValues(values)
	case len(values) > 1:
		return credential{}, f.severalValues(values)
	case f.kind == bare:
		return f.places[0].credential(values[0])
	default:
		return f.findScheme(values[0])
	}
}

// findScheme finds the credential in a value of the form scheme 1*SP token68 (RFC 6750,
// section 2.1; RFC 9110, section 11.4). The length of the whole value is bounded, spaces
// included.
func (f *credentialField) findScheme(value string) (credential, error) {
	if len(value) > maxNameBytes+f.maxBytes {
		return credential{}, f.errTooLong()
	}
	scheme, token, _ := strings.Cut(value, " ")
	place := f.named(scheme)
	if place == nil {
		if f.isOtherScheme(value) {
			if strings.EqualFold(scheme, dpopPlace.name) {
				return credential{}, errNoDPoP
			}
			return credential{}, errOtherScheme
		}
		return credential{}, fmt.Errorf(`%s does not start with "%s ", or holds several credentials: `+
			`a bare token needs the scheme in front of it`, f.key, f.places[0].name)
	}
	token = strings.TrimLeft(token, " ")
	switch {
	case len(value) > len(scheme)+len(" ")+place.maxBytes:
		return credential{place: place}, f.errTooLong()
	case !field.IsToken68(token):
		return credential{place: place}, place.errUnfit()
	default:
		return credential{place: place, token: token}, nil
	}
}

// credential returns the credential that stands alone, under a key or in a cookie.
func (p *namedPlace) credential(value string) (credential, error) {
	switch {
	case len(value) > p.maxBytes:
		return credential{place: p}, fmt.Errorf("%s holds a credential longer than %d bytes", p.label, p.maxBytes)
	case !isCookieValue(value):
		return credential{place: p}, p.errUnfit()
	default:
		return credential{place: p, token: value}, nil
	}
}

// maxCookieBytes bounds what a call's cookies may take beside a credential in them.
const maxCookieBytes = 16 << 10

// findCookie finds the cookie with one of the field's names. HTTP/2 may split a cookie
// header, and grpc-go leaves it split (RFC 9113, section 8.2.3). Others' cookies may hold
// anything. A semicolon ends a cookie even between quotes (RFC 6265, section 4.2.1).
func (f *credentialField) findCookie(values []string) (found credential, err error) {
	left := maxCookieBytes + f.maxBytes
	for _, value := range values {
		if left -= len(value) + len("; "); left < 0 {
			return credential{}, f.errTooLong()
		}
		for more := true; more; {
			var pair string
			pair, value, more = strings.Cut(value, ";")
			name, token, _ := strings.Cut(strings.TrimLeft(pair, " \t"), "=")
			trimmed := strings.TrimRight(name, " \t")
			place := f.named(trimmed)
			switch {
			case place == nil:
				continue
			case found.place != nil:
				return credential{}, errTwo(found.place, place)
			case name != trimmed:
				return credential{place: place}, fmt.Errorf("%s has a space after its name", place.label)
			}
			if found, err = place.credential(unquoted(token)); err != nil {
				return found, err
			}
		}
	}
	return found, nil
}

// unquoted returns a cookie's value without the quotes around it.
func unquoted(value string) string {
	if len(value) >= 2 && value[0] == '"' && value[len(value)-1] == '"' {
		return value[1 : len(value)-1]
	}
	return value
}

// maxListCommas bounds the work on a credential that is meant for others. Of the known
// schemes Digest has the most parameters: a dozen.
const maxListCommas = 32

// isOtherScheme reports whether value is empty, or one credential in a scheme that
// isn't ours. It can use the parser for challenges: credentials have the same grammar
// (RFC 9110, section 11.4).
func (f *credentialField) isOtherScheme(value string) bool {
	if strings.Count(value, ",") > maxListCommas {
		return false
	}
	credentials, err := verifier.ParseChallenges([]string{value})
	if err != nil || len(credentials) > 1 {
		return false
	}
	return len(credentials) == 0 || f.named(credentials[0].Scheme) == nil
}

func isCookieValue(token string) bool {
	for i := range len(token) {
		if !field.IsCookieOctet(token[i]) {
			return false
		}
	}
	return token != ""
}

// What is wrong with a credential, for the observer.
var (
	errNoValue     = errors.New("there is no credential in any place for one")
	errOtherScheme = errors.New("the credential has another scheme than those accepted, or is empty")
	errNoDPoP      = fmt.Errorf("%w: WithDPoP accepts the scheme DPoP", errOtherScheme)
	errNoRequest   = errors.New("interceptor: the adapter sets no Call.Request, which WithCredential needs")
)

func errTwo(first, second *namedPlace) error {
	return fmt.Errorf("the call carries two credentials: one in %s, one in %s", first.label, second.label)
}

func (f *credentialField) errTooLong() error {
	return fmt.Errorf("%s is longer than MaxTokenBytes of its verifier allows, spaces included", f.key)
}

func (p *namedPlace) errUnfit() error {
	return fmt.Errorf("what stands in %s is empty, or holds a character that no credential has", p.label)
}

func (f *credentialField) severalValues(values []string) error {
	if len(slices.Compact(slices.Clone(values))) == 1 {
		return fmt.Errorf("%s came more than once with the same value: a gateway may have copied it, "+
			"or the client's credentials for its connection and for the call add up", f.key)
	}
	return fmt.Errorf("%s came more than once with different values", f.key)
}

func missingToken(cause error) error {
	return &verifier.AuthError{
		Code:    verifier.CodeMissingToken,
		Message: "the call carries no access token",
		Err:     cause,
	}
}

func (p *places) invalidRequest(cause error) error {
	message := "the call must carry exactly one well-formed Bearer token"
	if len(p.fields) > 1 || len(p.fields[0].places) > 1 || p.fields[0].places[0].Place != bearer {
		message = "the call must carry exactly one well-formed credential"
	}
	return &verifier.AuthError{Code: verifier.CodeInvalidRequest, Message: message, Err: cause}
}
