package jwks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/oidcrpc/oidcrpc/internal/field"
	"github.com/oidcrpc/oidcrpc/internal/strictjson"
)

const maxURLBytes = 2048

// metadataURLs returns both metadata URLs. OpenID Connect Discovery 1.0, section 4.1, appends to
// the issuer's path, and RFC 8414, section 3.1, inserts before it.
func metadataURLs(issuer string) (openID, oauth string) {
	issuer = strings.TrimSuffix(issuer, "/")
	scheme, rest, _ := strings.Cut(issuer, "://")
	host, path, hasPath := strings.Cut(rest, "/")
	oauth = scheme + "://" + host + "/.well-known/oauth-authorization-server"
	if hasPath {
		oauth += "/" + path
	}
	return issuer + "/.well-known/openid-configuration", oauth
}

// discover reads a URL from an issuer's metadata. It tries OpenID Connect Discovery 1.0, section
// 4, and then RFC 8414 if the first document doesn't exist.
func (c *client) discover(ctx context.Context, issuer string, allowHTTP bool, m Member) (string, *Failure) {
	openID, oauth := metadataURLs(issuer)
	document, isMissing, failure := c.getEither(ctx, openID, oauth, false)
	switch {
	case isMissing:
		return "", failure.instead(m.field + " can say " + m.place)
	case failure != nil:
		return "", failure
	}
	url, err := parseMetadata(document, issuer, allowHTTP, m)
	if err != nil {
		return "", unusable("metadata of %s: %w", printable(issuer), err)
	}
	return url, nil
}

// getEither reads the document at the first URL, or at the second if there is none at the first. It
// reports whether both are missing or unreadable. If isLast is set, no connection is kept.
func (c *client) getEither(
	ctx context.Context, first, second string, isLast bool,
) (document []byte, isMissing bool, failure *Failure) {
	document, _, failure = c.get(ctx, request{url: first, accept: "application/json", isLast: isLast})
	if !failure.hasStatus(http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusGone) {
		return document, false, failure
	}
	document, _, again := c.get(ctx, request{url: second, accept: "application/json", isLast: isLast})
	if again != nil {
		return nil, true, again.after(failure)
	}
	return document, false, nil
}

// A Member is a URL that metadata name.
type Member struct {
	name  string
	alias bool   // if it has another URL for clients that prove themselves by certificate, that one
	field string // what can name it instead
	place string // what the field then says
}

// The members we read (OpenID Connect Discovery 1.0, section 3; RFC 8414, section 2; RFC 8705,
// section 5).
var (
	keys             = Member{name: "jwks_uri", field: "Config.JWKSURL", place: "where the keys are"}
	Introspection    = Member{name: "introspection_endpoint", field: "Config.Endpoint", place: "where to ask"}
	IntrospectionTLS = Member{
		name: Introspection.name, field: Introspection.field, place: Introspection.place, alias: true,
	}
)

func parseMetadata(document []byte, issuer string, allowHTTP bool, m Member) (url string, err error) {
	name, url, err := readMetadata(document, m)
	switch {
	case err != nil:
		return "", err
	case name != issuer:
		return "", fmt.Errorf("they say that the issuer is %q, and Config.Issuer is %q: "+
			"it must be the same to the last slash",
			field.Printable(name), field.Printable(issuer))
	}
	if err := CheckURL(url, allowHTTP); errors.Is(err, errPlain) {
		return "", fmt.Errorf("%s %q is http: an issuer behind a proxy may not know that it's reached by https "+
			"(X-Forwarded-Proto); %s can name it, and Config.AllowHTTP allows it",
			m.name, field.Printable(url), m.field)
	} else if err != nil {
		return "", fmt.Errorf("%s %w", m.name, err)
	}
	// A remote issuer must not choose what we request from this host's ports.
	isPlain := !strings.HasPrefix(strings.ToLower(url), "https:")
	if isPlain && !allowHTTP && !strings.HasPrefix(issuer, "http:") {
		return "", fmt.Errorf("%s must be an https URL, unless the issuer is on this host, too; "+
			"else set %s", m.name, m.field)
	}
	return url, nil
}

// readMetadata is lenient about members it doesn't need and strict about the two it does: a
// duplicate is an error.
func readMetadata(document []byte, m Member) (issuer, url string, err error) {
	const aliases = "mtls_endpoint_aliases"
	found, err := readMembers(document, "issuer", m.name, aliases)
	if err != nil {
		return "", "", err
	}
	if len(found["issuer"]) != 1 || len(found[m.name]) != 1 {
		return "", "", fmt.Errorf("they must name issuer and %s once each", m.name)
	}
	issuer, _ = strictjson.Text(found["issuer"][0])
	url, _ = strictjson.Text(found[m.name][0])
	if m.alias && len(found[aliases]) == 1 {
		other, _ := readMembers([]byte(found[aliases][0]), m.name)
		if len(other[m.name]) == 1 {
			url, _ = strictjson.Text(other[m.name][0])
		}
	}
	return issuer, url, nil
}

// readMembers returns the values an object has under these names.
func readMembers(object []byte, names ...string) (map[string][]string, error) {
	dec := newLenientDecoder(object)
	found := make(map[string][]string)
	if token, err := dec.ReadToken(); err != nil || token.Kind() != '{' {
		return nil, errNotAnObject
	}
	for dec.PeekKind() != '}' {
		token, err := dec.ReadToken()
		if err != nil {
			return nil, errNotAnObject
		}
		name := token.String()
		value, err := dec.ReadValue()
		if err != nil {
			return nil, errNotAnObject
		}
		if slices.Contains(names, name) {
			found[name] = append(found[name], string(value))
		}
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, errNotAnObject
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, errNotAnObject
	}
	return found, nil
}

// readElements returns the values in an array. One that's null has none.
func readElements(array string) (values []string, err error) {
	dec := newLenientDecoder([]byte(array))
	token, err := dec.ReadToken()
	switch {
	case err != nil || token.Kind() != '[' && token.Kind() != 'n':
		return nil, errNotAnArray
	case token.Kind() == 'n':
		return nil, nil
	}
	for dec.PeekKind() != ']' {
		value, err := dec.ReadValue()
		if err != nil {
			return nil, errNotAnArray
		}
		values = append(values, string(value))
	}
	return values, nil
}

func newLenientDecoder(text []byte) *jsontext.Decoder {
	return jsontext.NewDecoder(bytes.NewReader(text),
		jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

var (
	errNotAnObject = errors.New("not a valid JSON object")
	errNotAnArray  = errors.New("not a JSON array")
)

// CheckURL returns an error unless we may fetch from raw. It must be an https URL, or plain http
// to a loopback host, or plain http to any host if allowHTTP is set.
func CheckURL(raw string, allowHTTP bool) error {
	isUnfit := func(r rune) bool { return r <= ' ' || r > '~' }
	if len(raw) > maxURLBytes || strings.ContainsFunc(raw, isUnfit) {
		return fmt.Errorf("must be at most %d printable ASCII characters", maxURLBytes)
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Hostname() == "" || strings.HasSuffix(u.Host, ":"):
		return errors.New("must be an absolute URL")
	case u.User != nil || u.Fragment != "":
		return errors.New("must have no user information and no fragment")
	case u.Scheme == "https":
		return nil
	case u.Scheme == "http" && (allowHTTP || isLoopback(u.Hostname())):
		return nil
	case u.Scheme == "http":
		return errPlain
	default:
		return errors.New("must be an https URL")
	}
}

var errPlain = errors.New("must be an https URL, unless Config.AllowHTTP is set")

// isLocal reports whether an issuer's URL names this host.
func isLocal(issuer string) bool {
	u, err := url.Parse(issuer)
	return err == nil && isLoopback(u.Hostname())
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}
