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
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/oidcrpc/oidcrpc/internal/field"
	"github.com/oidcrpc/oidcrpc/internal/refresh"
	"github.com/oidcrpc/oidcrpc/internal/strictjson"
)

const maxURLBytes = 2048

// A place is where the metadata said that the keys are.
type place struct {
	url   string
	named time.Time
}

// lastPlace returns the place that the metadata last named, or "". It's believed for as
// long as keys may be used that can't be refreshed.
func (i *Issuer) lastPlace() string {
	last := i.place.Load()
	if last == nil || refresh.HasCome(last.named.Add(i.config.TTL+i.config.MaxStale), time.Now()) {
		return ""
	}
	return last.url
}

// discoverBeside starts discovery, and returns what waits for its result. Metadata that
// hang are waited for until half the time of a read is over, and no longer.
func (i *Issuer) discoverBeside(ctx context.Context) func() (string, *Failure) {
	type result struct {
		url     string
		failure *Failure
	}
	start := time.Now()
	done := make(chan result, 1)
	go func() {
		url, failure := i.discover(ctx)
		done <- result{url, failure}
	}()
	return func() (string, *Failure) {
		patience := max(i.config.Timeout/2-time.Since(start), i.config.Timeout/8)
		select {
		case r := <-done:
			return r.url, r.failure
		case <-time.After(patience):
			return "", unreachable(metadataOf(i.config.Issuer), errSlow)
		}
	}
}

var errSlow = errors.New("no answer in time")

// discover reads the key set's URL from the issuer's metadata: those of OpenID Connect
// Discovery 1.0, section 4, or where there are none, of RFC 8414.
func (i *Issuer) discover(ctx context.Context) (string, *Failure) {
	openID, oauth := metadataURLs(i.config.Issuer)
	document, _, failure := i.get(ctx, request{url: openID, accept: "application/json"})
	if failure.hasStatus(http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusGone) {
		first := failure
		if document, _, failure = i.get(ctx, request{url: oauth, accept: "application/json"}); failure != nil {
			failure = failure.after(first)
		}
	}
	if failure != nil {
		return "", failure
	}
	jwksURL, err := parseMetadata(document, i.config.Issuer, i.config.AllowHTTP)
	if err != nil {
		return "", unusable("metadata of %s: %w", printable(i.config.Issuer), err)
	}
	i.place.Store(&place{url: jwksURL, named: time.Now()})
	return jwksURL, nil
}

// metadataURLs follows OpenID Connect Discovery 1.0, section 4.1, and RFC 8414, section
// 3.1: the one appends to the issuer's path, the other precedes it.
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

func metadataOf(issuer string) string {
	openID, _ := metadataURLs(issuer)
	return openID
}

func parseMetadata(document []byte, issuer string, allowHTTP bool) (jwksURL string, err error) {
	name, jwksURL, err := readMetadata(document)
	switch {
	case err != nil:
		return "", err
	case name != issuer:
		return "", fmt.Errorf("they say that the issuer is %q, and Config.Issuer is %q: it must be the same to the last slash",
			field.Printable(name), field.Printable(issuer))
	}
	if err := CheckURL(jwksURL, allowHTTP); err != nil {
		return "", fmt.Errorf("jwks_uri %w", err)
	}
	// An issuer elsewhere must not choose what the ports of this host are asked.
	isPlain := !strings.HasPrefix(strings.ToLower(jwksURL), "https:")
	if isPlain && !allowHTTP && !strings.HasPrefix(issuer, "http:") {
		return "", errors.New("jwks_uri must be an https URL, unless the issuer is on this host, too")
	}
	return jwksURL, nil
}

// readMetadata reads leniently what it isn't asked for, and is strict about the rest: a name
// that stands twice says nothing.
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

// CheckURL accepts what we fetch from: https, and http only on this host unless it's
// allowed everywhere.
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
	default:
		return errors.New("must be an https URL, unless Config.AllowHTTP is set")
	}
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}
