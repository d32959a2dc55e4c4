package jwks

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"net/url"
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

func parseMetadata(document []byte, issuer string, allowHTTP bool) (jwksURL string, err error) {
	name, jwksURL, err := readMetadata(document)
	switch {
	case err != nil:
		return "", err
	case name != issuer:
		return "", fmt.Errorf("they say that the issuer is %q, and Config.Issuer is %q: "+
			"it must be the same to the last slash",
			field.Printable(name), field.Printable(issuer))
	}
	if err := CheckURL(jwksURL, allowHTTP); errors.Is(err, errPlain) {
		return "", fmt.Errorf("jwks_uri %q is http: an issuer behind a proxy may not know that it's reached by https "+
			"(X-Forwarded-Proto); Config.JWKSURL can name it, and Config.AllowHTTP allows it", field.Printable(jwksURL))
	} else if err != nil {
		return "", fmt.Errorf("jwks_uri %w", err)
	}
	// A remote issuer must not choose what we request from this host's ports.
	isPlain := !strings.HasPrefix(strings.ToLower(jwksURL), "https:")
	if isPlain && !allowHTTP && !strings.HasPrefix(issuer, "http:") {
		return "", errors.New("jwks_uri must be an https URL, unless the issuer is on this host, too; " +
			"else set Config.JWKSURL")
	}
	return jwksURL, nil
}

// readMetadata is lenient about members it doesn't need and strict about the two it does: a
// duplicate is an error.
func readMetadata(document []byte) (issuer, jwksURL string, err error) {
	dec := jsontext.NewDecoder(bytes.NewReader(document),
		jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	var read struct{ issuer, jwksURL []string }
	if token, err := dec.ReadToken(); err != nil || token.Kind() != '{' {
		return "", "", errNotAnObject
	}
	for dec.PeekKind() != '}' {
		name, err := dec.ReadToken()
		if err != nil {
			return "", "", errNotAnObject
		}
		member := name.String()
		value, err := dec.ReadValue()
		if err != nil {
			return "", "", errNotAnObject
		}
		text, _ := strictjson.Text(string(value))
		switch member {
		case "issuer":
			read.issuer = append(read.issuer, text)
		case "jwks_uri":
			read.jwksURL = append(read.jwksURL, text)
		}
	}
	if _, err := dec.ReadToken(); err != nil {
		return "", "", errNotAnObject
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return "", "", errNotAnObject
	}
	if len(read.issuer) != 1 || len(read.jwksURL) != 1 {
		return "", "", errors.New("they must name issuer and jwks_uri once each")
	}
	return read.issuer[0], read.jwksURL[0], nil
}

var errNotAnObject = errors.New("not a valid JSON object")

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
