// Package jwks reads an issuer's key set, where the issuer's metadata say it is. It knows
// nothing about tokens.
package jwks

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

const (
	maxDocumentBytes = 1 << 20  // of metadata and key sets, after decompression
	maxHeaderBytes   = 64 << 10 // of a response, where the transport is net/http's
	maxRedirects     = 3
	maxEntityTag     = 256
	minTTL           = time.Minute // what a max-age can shorten the time to live to
)

// An Issuer is asked for its metadata and its keys, at places that the configuration
// decides and a token never does. Reads must not overlap.
type Issuer struct {
	config Config
	client *http.Client
	place  atomic.Pointer[place] // that the metadata last named
	failed atomic.Bool           // the latest read
}

// A Config says where an issuer's keys are and how to ask for them: see the fields of the
// same names in package verifier.
type Config struct {
	Issuer     string
	JWKSURL    string // "": the metadata name it
	HTTPClient *http.Client
	AllowHTTP  bool
	Timeout    time.Duration // of one read, with all its requests
	TTL        time.Duration
	MaxStale   time.Duration
	PublicOnly bool // connect to public addresses only
}

// NewIssuer expects a valid Config.
func NewIssuer(config Config) *Issuer {
	i := &Issuer{config: config, client: newClient(config.HTTPClient)}
	if config.PublicOnly {
		guardDial(i.client)
	}
	return i
}

// newClient copies the user's client, so that our rules always hold.
func newClient(client *http.Client) *http.Client {
	var c http.Client
	if client != nil {
		c = *client
	}
	if c.Transport == nil {
		c.Transport = http.DefaultTransport
	}
	if transport, ok := c.Transport.(*http.Transport); ok {
		c.Transport = newTransport(transport)
	}
	c.CheckRedirect = func(req *http.Request, via []*http.Request) error {
		req.Header.Del("If-None-Match") // the tag belongs to another resource
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

func newTransport(transport *http.Transport) *http.Transport {
	t := transport.Clone()
	if transport == http.DefaultTransport {
		t.DialContext = nil // the dialer of an http.Transport without one is as good
	}
	if t.MaxResponseHeaderBytes == 0 {
		t.MaxResponseHeaderBytes = maxHeaderBytes
	}
	return t
}

// A Document is an issuer's key set as it was read once.
type Document struct {
	*Set

	// Doubt is why the metadata could not be used, so that the place they last named
	// was. It's nil when all is well.
	Doubt *Failure

	url  string
	etag string
}

// Read reads the issuer's keys and how long they may be used. Previous is what was read
// before, or nil; with revalidate, the issuer may answer that it hasn't changed.
//
// The place of the keys is looked up anew each time, so that a move is noticed. Once it's
// known, the keys are asked for at the same time as the metadata, and metadata that fail
// or hang don't take the keys away.
func (i *Issuer) Read(ctx context.Context, previous *Document, revalidate bool) (*Document, time.Duration, error) {
	document, header, failure := i.read(ctx, previous, revalidate)
	i.failed.Store(failure != nil)
	if failure != nil {
		return nil, 0, failure
	}
	return document, timeToLive(header, i.config.TTL), nil
}

func (i *Issuer) read(ctx context.Context, previous *Document, revalidate bool) (*Document, http.Header, *Failure) {
	if i.config.JWKSURL != "" {
		return i.readKeys(ctx, i.config.JWKSURL, previous, revalidate)
	}
	last := i.lastPlace()
	if last == "" {
		url, failure := i.discover(ctx)
		if failure != nil {
			return nil, nil, failure
		}
		return i.readKeys(ctx, url, previous, revalidate)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	discovered := i.discoverBeside(ctx)
	document, header, failure := i.readKeys(ctx, last, previous, revalidate)
	url, doubt := discovered()
	switch {
	case doubt == nil && url != last:
		return i.readKeys(ctx, url, previous, revalidate)
	case failure != nil:
		return nil, nil, failure.after(doubt)
	}
	document.Doubt = doubt
	return document, header, nil
}

// readKeys reads the key set at a URL.
func (i *Issuer) readKeys(
	ctx context.Context, url string, previous *Document, revalidate bool,
) (*Document, http.Header, *Failure) {
	var etag string
	if previous != nil && previous.url == url && revalidate {
		etag = previous.etag
	}
	const accept = "application/jwk-set+json, application/json"
	body, header, failure := i.get(ctx, request{url: url, accept: accept, etag: etag, isLast: true})
	if etag != "" && failure.hasStatus(http.StatusNotModified) {
		return &Document{Set: previous.Set, url: url, etag: etag}, header, nil
	}
	if failure != nil {
		return nil, nil, failure
	}
	set, err := ParseSet(body)
	if err != nil {
		return nil, nil, unusable("GET %s: %w", printable(url), err)
	}
	if previous != nil {
		set = previous.merge(set)
	}
	return &Document{Set: set, url: url, etag: entityTag(header)}, header, nil
}

// A request asks for one document, unless it's still the one with that entity tag.
type request struct {
	url, accept, etag string
	isLast            bool // that a read sends to a host
}

// get fetches one document. A failure never quotes what the issuer sent.
//
// Reads are minutes apart, and a connection that a firewall has forgotten meanwhile must not
// be used again: over HTTP/2, net/http keeps it for a quarter of an hour while requests on it
// time out (golang/go#36026). So the last request closes its connection, and after a failed
// read each request does. This works through whatever transport a client has.
func (i *Issuer) get(ctx context.Context, r request) ([]byte, http.Header, *Failure) {
	url := r.url
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, nil, unreachable(url, err)
	}
	req.Close = r.isLast || i.failed.Load()
	req.Header.Set("Accept", r.accept)
	if r.etag != "" {
		req.Header.Set("If-None-Match", r.etag)
	}
	res, err := i.client.Do(req)
	if err != nil {
		return nil, nil, unreachable(url, err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		failure := unreachable(url, statusError(res.StatusCode))
		failure.retryAfter = retryAfter(res)
		return nil, res.Header, failure
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxDocumentBytes+1))
	if err != nil {
		return nil, nil, unreachable(url, err)
	}
	if len(body) > maxDocumentBytes {
		return nil, nil, unusable("GET %s: more than %d bytes", printable(url), maxDocumentBytes)
	}
	return body, res.Header, nil
}

// entityTag returns the ETag of a response (RFC 9110, section 8.8.3) if it's fit to be
// sent back.
func entityTag(header http.Header) string {
	etag := header.Get("ETag")
	isUnfit := func(r rune) bool { return r <= ' ' || r > '~' }
	if len(etag) > maxEntityTag || strings.ContainsFunc(etag, isUnfit) {
		return ""
	}
	return etag
}

// timeToLive lets the response's max-age (RFC 9111, section 5.2.2.1) shorten the
// configured time to live, within reason, and never lengthen it: how long a withdrawn key
// lives on is the operator's to decide.
func timeToLive(header http.Header, configured time.Duration) time.Duration {
	for _, value := range header.Values("Cache-Control") {
		for directive := range strings.SplitSeq(value, ",") {
			name, argument, _ := strings.Cut(strings.TrimSpace(directive), "=")
			seconds, err := strconv.ParseUint(strings.Trim(argument, `"`), 10, 31)
			if strings.EqualFold(name, "max-age") && err == nil {
				maxAge := time.Duration(seconds) * time.Second
				return min(configured, max(maxAge, minTTL))
			}
		}
	}
	return configured
}

// retryAfter reads the Retry-After field (RFC 9110, section 10.2.3) of an answer that
// means it.
func retryAfter(res *http.Response) time.Duration {
	if res.StatusCode != http.StatusTooManyRequests && res.StatusCode != http.StatusServiceUnavailable {
		return 0
	}
	value := res.Header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if date, err := http.ParseTime(value); err == nil {
		return max(0, time.Until(date))
	}
	return 0
}
