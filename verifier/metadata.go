package verifier

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/oidcrpc/oidcrpc/internal/strictjson"
)

// A place is where an issuer's keys are found.
type place struct {
	url   string
	named time.Time  // when the metadata last named it
	doubt *KeysError // why the metadata could not confirm it this time
}

// locate finds the keys anew at every fetch, so that a move is noticed as soon as a
// new key is. Metadata that cannot be had or used does not take away the place that it
// last named, for as long as keys may be used that cannot be refreshed.
func (i *issuer) locate(ctx context.Context, previous *snapshot) (place, *KeysError) {
	if i.jwksURL != "" {
		return place{url: i.jwksURL}, nil
	}
	hasLast := previous != nil && !hasCome(previous.named.Add(i.ttl+i.maxStale), time.Now())
	if hasLast {
		// Metadata that hang must leave time to ask at that place.
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, i.timeout/2)
		defer cancel()
	}
	jwksURL, failure := i.discover(ctx)
	switch {
	case failure == nil:
		return place{url: jwksURL, named: time.Now()}, nil
	case hasLast:
		return place{url: previous.url, named: previous.named, doubt: failure}, nil
	default:
		return place{}, failure
	}
}

// discover reads the key set's URL from the issuer's metadata: that of OpenID
// Connect Discovery 1.0, section 4, or where there is none, of RFC 8414.
func (i *issuer) discover(ctx context.Context) (string, *KeysError) {
	openID, oauth := metadataURLs(i.name)
	document, _, failure := i.get(ctx, openID, "")
	if failure.isStatus(400, 499) {
		document, _, failure = i.get(ctx, oauth, "")
	}
	if failure != nil {
		return "", failure
	}
	jwksURL, err := parseMetadata(document, i.name, i.allowHTTP)
	if err != nil {
		return "", unusable("metadata of %s: %w", i.name, err)
	}
	return jwksURL, nil
}

// metadataURLs follows OpenID Connect Discovery 1.0, section 4.1, and RFC 8414,
// section 3.1: the one appends to the issuer's path, the other precedes it.
func metadataURLs(name string) (openID, oauth string) {
	name = strings.TrimSuffix(name, "/")
	scheme, rest, _ := strings.Cut(name, "://")
	host, path, hasPath := strings.Cut(rest, "/")
	oauth = scheme + "://" + host + "/.well-known/oauth-authorization-server"
	if hasPath {
		oauth += "/" + path
	}
	return name + "/.well-known/openid-configuration", oauth
}

func parseMetadata(document []byte, issuer string, allowHTTP bool) (jwksURL string, err error) {
	var name string
	wellFormed := strictjson.Members(string(document), maxPayloadDepth, func(member, value string) {
		switch member {
		case "issuer":
			name, _ = strictjson.Text(value)
		case "jwks_uri":
			jwksURL, _ = strictjson.Text(value)
		}
	})
	switch {
	case !wellFormed:
		return "", errors.New("not a valid JSON object")
	case name != issuer:
		return "", errors.New("it names another issuer; Config.Issuer must be the same to the last slash")
	}
	if err := checkURL(jwksURL, allowHTTP); err != nil {
		return "", fmt.Errorf("jwks_uri %w", err)
	}
	return jwksURL, nil
}

// checkURL accepts what we fetch from: https, and http only on this host unless it
// is allowed everywhere.
func checkURL(raw string, allowHTTP bool) error {
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
