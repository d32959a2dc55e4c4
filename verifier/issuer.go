package verifier

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	maxDocumentBytes = 1 << 20 // of metadata and key sets, after decompression
	maxRedirects     = 3
	minKeysTTL       = time.Minute // what a max-age can shorten the time to live to
)

// An issuer is the remote side: it is asked for its metadata and its keys, at
// places that the configuration decides and a token never does.
type issuer struct {
	name      string
	jwksURL   string // "": taken from the metadata
	client    *http.Client
	allowHTTP bool
	ttl       time.Duration
	maxKeys   int
}

// newClient copies the user's client, so that our rule on redirects always holds.
func newClient(client *http.Client) *http.Client {
	var c http.Client
	if client != nil {
		c = *client
	}
	c.CheckRedirect = func(req *http.Request, via []*http.Request) error {
		from := via[0].URL
		if req.URL.Host != from.Host || req.URL.Scheme != from.Scheme {
			return errors.New("redirected to another host or scheme")
		}
		if len(via) > maxRedirects {
			return errors.New("redirected too often")
		}
		return nil
	}
	return &c
}

// keySet fetches the issuer's keys.
func (i *issuer) keySet(ctx context.Context) (*keySet, *KeysError) {
	jwksURL := i.jwksURL
	if jwksURL == "" {
		var failure *KeysError
		if jwksURL, failure = i.discover(ctx); failure != nil {
			return nil, failure
		}
	}
	document, header, failure := i.get(ctx, jwksURL)
	if failure != nil {
		return nil, failure
	}
	set, err := parseKeySet(document, i.maxKeys)
	if err != nil {
		return nil, unusable("%s: %w", jwksURL, err)
	}
	set.expires = time.Now().Add(timeToLive(header, i.ttl))
	return set, nil
}

// discover reads the key set's URL from the issuer's metadata: that of OpenID
// Connect Discovery 1.0, section 4, or where there is none, of RFC 8414.
func (i *issuer) discover(ctx context.Context) (string, *KeysError) {
	openID, oauth := metadataURLs(i.name)
	document, _, failure := i.get(ctx, openID)
	if failure.isStatus(400, 499) {
		document, _, failure = i.get(ctx, oauth)
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
	wellFormed := members(document, maxPayloadDepth, func(member []byte, value jsontext.Value) {
		switch string(member) {
		case "issuer":
			name, _ = text(value)
		case "jwks_uri":
			jwksURL, _ = text(value)
		}
	})
	switch {
	case !wellFormed:
		return "", errors.New("not a valid JSON object")
	case name != issuer:
		return "", errors.New("it names another issuer")
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
	case err != nil || u.Host == "" || u.Opaque != "":
		return errors.New("must be an absolute URL")
	case u.User != nil || u.Fragment != "":
		return errors.New("must have no user information and no fragment")
	case u.Scheme == "https":
		return nil
	case u.Scheme == "http" && (allowHTTP || isLoopback(u.Hostname())):
		return nil
	default:
		return errors.New("must be an https URL")
	}
}

// get fetches one document. A failure never quotes what the issuer sent.
func (i *issuer) get(ctx context.Context, url string) ([]byte, http.Header, *KeysError) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, nil, unreachable("%w", err)
	}
	req.Header.Set("Accept", "application/json")
	res, err := i.client.Do(req)
	if err != nil {
		return nil, nil, unreachable("%w", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, nil, unreachable("GET %s: %w", url, statusError(res.StatusCode))
	}
	document, err := io.ReadAll(io.LimitReader(res.Body, maxDocumentBytes+1))
	if err != nil {
		return nil, nil, unreachable("GET %s: %w", url, err)
	}
	if len(document) > maxDocumentBytes {
		return nil, nil, unusable("GET %s: more than %d bytes", url, maxDocumentBytes)
	}
	return document, res.Header, nil
}

func unreachable(format string, args ...any) *KeysError {
	return &KeysError{Code: CodeJWKSFetchFailed, Err: fmt.Errorf(format, args...)}
}

func unusable(format string, args ...any) *KeysError {
	return &KeysError{Code: CodeJWKSError, Err: fmt.Errorf(format, args...)}
}

type statusError int

func (e statusError) Error() string { return "status " + strconv.Itoa(int(e)) }

// isStatus reports whether e stems from a response of such a status.
func (e *KeysError) isStatus(from, to statusError) bool {
	if e == nil {
		return false
	}
	status, ok := errors.AsType[statusError](e.Err)
	return ok && from <= status && status <= to
}

// timeToLive lets the response's max-age (RFC 9111, section 5.2.2.1) shorten the
// configured time to live, within reason, and never lengthen it: how long a
// withdrawn key lives on is the operator's to decide.
func timeToLive(header http.Header, configured time.Duration) time.Duration {
	for _, value := range header.Values("Cache-Control") {
		for directive := range strings.SplitSeq(value, ",") {
			name, argument, _ := strings.Cut(strings.TrimSpace(directive), "=")
			seconds, err := strconv.ParseUint(strings.Trim(argument, `"`), 10, 31)
			if strings.EqualFold(name, "max-age") && err == nil {
				maxAge := time.Duration(seconds) * time.Second
				return min(configured, max(maxAge, minKeysTTL))
			}
		}
	}
	return configured
}
