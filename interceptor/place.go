package interceptor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/oidcrpc/oidcrpc/internal/field"
	"github.com/oidcrpc/oidcrpc/verifier"
)

// A TokenVerifier turns a credential into claims. [*verifier.Verifier],
// [*verifier.Multi] and [*verifier.Dynamic] do so for bearer tokens. Your own can wrap
// one of these, or make claims with [verifier.NewClaims] for any other kind of
// credential. The policy, the observer and streams treat all claims alike.
//
// A [*verifier.AuthError] from Verify refuses the caller, and so do claims that have
// expired. A [*verifier.KeysError] becomes Unavailable. Any other error becomes Internal,
// as do nil or zero claims without an error. Once the call's own context has ended, it's
// Canceled or DeadlineExceeded instead. Verify must be safe for concurrent use.
//
// A credential may be 16 KiB long, or as long as a method MaxTokenBytes() int says.
type TokenVerifier interface {
	Verify(ctx context.Context, token string) (*verifier.Claims, error)
}

// A Place is where a call can carry a credential: see [WithCredential]. Places are
// comparable. The zero Place is none, and [New] refuses it.
type Place struct {
	kind placeKind
	key  string // of the metadata, in lower case
	name string // the scheme's or the cookie's
}

type placeKind int

const (
	bare    placeKind = iota + 1 // the whole value
	schemed                      // what follows a scheme in the value
	cookied                      // the value of a cookie
)

// Scheme is the place behind a scheme in authorization, such as "ApiKey". The credential
// is a token68 (RFC 9110, section 11.4), and the scheme's case doesn't matter. Challenges
// offer the scheme. Bearer belongs to [New]'s verifier unless [WithPlace] moves it, and DPoP
// to [WithDPoP].
func Scheme(name string) Place {
	if strings.EqualFold(name, bearerScheme) {
		name = bearerScheme
	}
	return Place{schemed, authorization, name}
}

// Metadata is the place of a credential that is the whole value under another key, such as
// "x-api-key". The key is in lower case. The credential is printable ASCII without spaces,
// commas, semicolons, double quotes and backslashes. Challenges can't offer it.
func Metadata(key string) Place { return Place{bare, key, ""} }

// MetadataScheme is the place behind a scheme under another key, as in
// "x-token: Bearer abc". It's otherwise like [Scheme], but challenges can't offer it.
func MetadataScheme(key, scheme string) Place { return Place{schemed, key, scheme} }

// Cookie is the place of a credential that is a cookie's value (RFC 6265, section 4.1.1),
// without the double quotes that may enclose it. The name's case matters. Browsers send
// cookies unasked: SECURITY.md says what follows. Challenges can't offer it.
func Cookie(name string) Place { return Place{cookied, cookie, name} }

// String returns the metadata key, followed by the scheme's or the cookie's name if there
// is one: "x-api-key", "authorization ApiKey", "cookie session".
func (p Place) String() string {
	if p.name == "" {
		return p.key
	}
	return p.key + " " + p.name
}

const (
	authorization = "authorization"
	cookie        = "cookie"
)

const bearerScheme = "Bearer"

// bearer is the place of the credential for New's verifier, without WithPlace.
var (
	bearer      = Scheme(bearerScheme)
	bearerLabel = bearer.String()
)

// dpopPlace is the place of a token that is bound to a key (RFC 9449, section 7.1).
var (
	dpopPlace = Scheme("DPoP")
	dpopLabel = dpopPlace.String()
)

// proofKey is the field with such a token's proof, in the canonical form of [http.Header].
const proofKey = "Dpop"

const maxNameBytes = 64

// validate reports why no credential may stand in the place.
func (p Place) validate() error {
	if p.kind == 0 {
		return errors.New("the Place must be made by one of the functions for it")
	}
	isOwn := p.kind == cookied || p.kind == schemed && p.key == authorization
	if !isOwn && isReserved(p.key) {
		if p.key == authorization {
			return errors.New("the key \"authorization\" is reserved for schemes: see Scheme")
		}
		return fmt.Errorf("the key %q is reserved", p.key)
	}
	if !isOwn && (!isToken(p.key) || strings.ToLower(p.key) != p.key) {
		return fmt.Errorf("the key %q must be a field name in lower case, of at most %d bytes", p.key, maxNameBytes)
	}
	switch {
	case p.kind != bare && !isToken(p.name):
		return fmt.Errorf("the name %q must be a token (RFC 9110, section 5.6.2), of at most %d bytes",
			p.name, maxNameBytes)
	case p.kind == schemed && strings.EqualFold(p.name, "DPoP"):
		return errors.New("the scheme DPoP needs its proof checked, as WithDPoP does and no TokenVerifier can")
	}
	return nil
}

func isToken(name string) bool {
	for i := range len(name) {
		if !field.IsTokenChar(name[i]) {
			return false
		}
	}
	return name != "" && len(name) <= maxNameBytes
}

// isReserved reports whether a key has a meaning of its own in HTTP, gRPC or Connect. A
// credential under it would be lost, joined or encoded on some path.
func isReserved(key string) bool {
	key = strings.ToLower(key)
	for _, prefix := range []string{":", "grpc-", "connect-", "content-", "accept-", "if-", "sec-"} {
		if strings.HasPrefix(key, prefix) {
			return true
		}
	}
	return strings.HasSuffix(key, "-bin") || slices.Contains(reserved, key)
}

var reserved = []string{
	authorization, cookie, "set-cookie", "host", "accept", "te", "trailer", "transfer-encoding", "connection",
	"keep-alive",
	"upgrade", "user-agent", "date", "expect", "range", "origin", "referer", "via", "forwarded", "www-authenticate",
	"proxy-authorization", "proxy-authenticate", "proxy-connection",
}

// A givenPlace is a Place as an option names it.
type givenPlace struct {
	place    Place
	verifier TokenVerifier
	bound    boundVerifier // nil: bound tokens are refused
}

// places are those in which an Authenticator looks for a credential.
type places struct {
	fields []credentialField
	keys   []string // the fields' keys, in canonical form
}

// A credentialField is one metadata key with the places under it, all of one kind.
type credentialField struct {
	key      string // in lower case
	kind     placeKind
	maxBytes int // the longest credential in bytes
	places   []namedPlace
}

// A namedPlace is a Place with what is done about a credential in it.
type namedPlace struct {
	Place

	label    string
	verifier TokenVerifier
	bound    boundVerifier // nil: bound tokens are refused
	maxBytes int
}

// defaultMaxTokenBytes bounds a credential where the TokenVerifier doesn't say.
const defaultMaxTokenBytes = 16 << 10

// add adds a valid place.
func (p *places) add(given givenPlace) error {
	place := given.place
	added := namedPlace{
		Place: place, label: place.String(), verifier: given.verifier, bound: given.bound,
		maxBytes: defaultMaxTokenBytes,
	}
	if bounded, ok := given.verifier.(interface{ MaxTokenBytes() int }); ok {
		added.maxBytes = bounded.MaxTokenBytes()
	}
	i := slices.IndexFunc(p.fields, func(f credentialField) bool { return f.key == place.key })
	if i < 0 {
		i = len(p.fields)
		p.fields = append(p.fields, credentialField{key: place.key, kind: place.kind})
		p.keys = append(p.keys, http.CanonicalHeaderKey(place.key))
	}
	f := &p.fields[i]
	for _, other := range f.places {
		if other.kind != place.kind || other.isNamed(place.name) {
			return fmt.Errorf("the place %q was given already, as %q", added.label, other.label)
		}
	}
	f.places = append(f.places, added)
	f.maxBytes = max(f.maxBytes, added.maxBytes)
	return nil
}

// isNamed compares names as the place's kind does.
func (p *namedPlace) isNamed(name string) bool {
	if p.kind == schemed {
		return strings.EqualFold(p.name, name)
	}
	return p.name == name
}

// isForTokens reports whether the place is for access tokens, which can be passed on.
func (p *namedPlace) isForTokens() bool { return p.Place == bearer || p.Place == dpopPlace }

// named returns the place with a name, or nil.
func (f *credentialField) named(name string) *namedPlace {
	for i := range f.places {
		if p := &f.places[i]; p.isNamed(name) {
			return p
		}
	}
	return nil
}

func (p *places) has(place Place) bool {
	return slices.ContainsFunc(p.fields, func(f credentialField) bool {
		return f.key == place.key && f.named(place.name) != nil
	})
}

// otherChallenges returns the challenges for all schemes in authorization but Bearer and DPoP, as
// they follow another challenge in a list (RFC 9110, section 11.6.1).
func (p *places) otherChallenges(realm string) string {
	var list strings.Builder
	for _, f := range p.fields {
		for _, place := range f.places {
			if f.key != authorization || place.Place == bearer || place.Place == dpopPlace {
				continue
			}
			offer := (&verifier.AuthError{Code: verifier.CodeMissingToken}).Challenge(realm)
			offer.Scheme = place.name
			list.WriteString(", " + offer.String())
		}
	}
	return list.String()
}
