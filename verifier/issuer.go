package verifier

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	maxDocumentBytes = 1 << 20 // of metadata and key sets, after decompression
	maxRedirects     = 3
	maxEntityTag     = 256
	minKeysTTL       = time.Minute // what a max-age can shorten the time to live to
)

// An issuer is the remote side: it is asked for its metadata and its keys, at
// places that the configuration decides and a token never does.
type issuer struct {
	name      string
	jwksURL   string // "": taken from the metadata
	client    *http.Client
	allowHTTP bool
	timeout   time.Duration // of one fetch, with all its requests
	ttl       time.Duration
	maxStale  time.Duration
	maxKeys   int
}

func newIssuer(config Config) *issuer {
	return &issuer{
		name:      config.Issuer,
		jwksURL:   config.JWKSURL,
		client:    newClient(config.HTTPClient),
		allowHTTP: config.AllowHTTP,
		timeout:   config.FetchTimeout,
		ttl:       config.KeysTTL,
		maxStale:  max(config.KeysMaxStale, 0),
		maxKeys:   config.MaxKeys,
	}
}

// newClient copies the user's client, so that our rule on redirects always holds.
func newClient(client *http.Client) *http.Client {
	var c http.Client
	if client != nil {
		c = *client
	}
	c.CheckRedirect = func(req *http.Request, via []*http.Request) error {
		req.Header.Del("If-None-Match") // the tag is of another resource
		from := via[0].URL
		if req.URL.Host != from.Host || req.URL.Scheme != from.Scheme {
			return redirectError("redirected to another host or scheme")
		}
		if len(via) > maxRedirects {
			return redirectError("redirected too often")
		}
		return nil
	}
	return &c
}

// fetch reads the issuer's keys. Previous is what was read before, or nil.
func (i *issuer) fetch(
	ctx context.Context, previous *snapshot, reason FetchReason,
) (*snapshot, *KeysError) {
	place, failure := i.locate(ctx, previous)
	if failure != nil {
		return nil, failure
	}
	// When a token says that the keys have changed, the answer should not depend on
	// whether a cache knows it.
	var etag string
	if previous != nil && previous.url == place.url && reason != FetchUnknownKid {
		etag = previous.etag
	}
	document, header, failure := i.get(ctx, place.url, etag)
	isNotModified := etag != "" && failure.isStatus(http.StatusNotModified, http.StatusNotModified)
	if failure != nil && !isNotModified {
		return nil, failure.after(place.doubt)
	}
	set := &snapshot{place: place, etag: entityTag(header)}
	if isNotModified {
		set.keySet, set.etag = previous.keySet, etag
	} else {
		keys, err := parseKeySet(document, i.maxKeys)
		if err != nil {
			return nil, unusable("%s: %w", printable(place.url), err).after(place.doubt)
		}
		if previous != nil {
			keys = previous.heir(keys)
		}
		set.keySet = keys
	}
	set.live(time.Now(), timeToLive(header, i.ttl), i.maxStale)
	return set, nil
}

// get fetches one document, unless it is still the one of that entity tag. A failure
// never quotes what the issuer sent.
func (i *issuer) get(ctx context.Context, from, etag string) ([]byte, http.Header, *KeysError) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return nil, nil, unreachable(from, err)
	}
	req.Header.Set("Accept", "application/json")
	if etag != "" {
		req.Header.Set("If-None-Match", etag)
	}
	res, err := i.client.Do(req)
	if err != nil {
		return nil, nil, unreachable(from, err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, res.Header, unreachable(from, statusError(res.StatusCode))
	}
	document, err := io.ReadAll(io.LimitReader(res.Body, maxDocumentBytes+1))
	if err != nil {
		return nil, nil, unreachable(from, err)
	}
	if len(document) > maxDocumentBytes {
		return nil, nil, unusable("GET %s: more than %d bytes", printable(from), maxDocumentBytes)
	}
	return document, res.Header, nil
}

// printable leaves out the query, where some put what nobody should read in a log.
func printable(rawURL string) string {
	shown, _, _ := strings.Cut(rawURL, "?")
	return shown
}

// entityTag returns the ETag of a response (RFC 9110, section 8.8.3) if it is fit to
// be sent back.
func entityTag(header http.Header) string {
	etag := header.Get("ETag")
	isUnfit := func(r rune) bool { return r <= ' ' || r > '~' }
	if len(etag) > maxEntityTag || strings.ContainsFunc(etag, isUnfit) {
		return ""
	}
	return etag
}

func unreachable(from string, cause error) *KeysError {
	return &KeysError{Code: CodeJWKSFetchFailed, Err: &fetchError{printable(from), cause}}
}

func unusable(format string, args ...any) *KeysError {
	return &KeysError{Code: CodeJWKSError, Err: fmt.Errorf(format, args...)}
}

// after returns e with an earlier failure that may be what brought it about.
func (e *KeysError) after(earlier *KeysError) *KeysError {
	if earlier == nil {
		return e
	}
	return &KeysError{Code: e.Code, Err: fmt.Errorf("%w; before that, %w", e.Err, earlier.Err)}
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
