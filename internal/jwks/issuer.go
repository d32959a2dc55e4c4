package jwks

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/oidcrpc/oidcrpc/internal/refresh"
)

const (
	maxEntityTag = 256
	minTTL       = time.Minute // a max-age can't shorten the TTL below this
)

// An Issuer fetches one issuer's metadata and keys. Only the configuration decides which URLs it
// asks, never a token.
type Issuer struct {
	config Config
	place  atomic.Pointer[place] // last named by the metadata
	failed atomic.Bool           // the latest read failed
}

func newIssuer(config Config) *Issuer {
	config.HTTPClient = withTransport(config.HTTPClient)
	return &Issuer{config: config}
}

func (i *Issuer) String() string {
	if i.config.JWKSURL != "" {
		return printable(i.config.JWKSURL)
	}
	openID, _ := metadataURLs(i.config.Issuer)
	return printable(openID)
}

// Read looks up the key set's URL each time, to notice a move. Once the URL is known, it requests
// the keys and the metadata at the same time, so metadata that fail or hang don't make the keys
// unavailable.
func (i *Issuer) Read(ctx context.Context, previous *Document, revalidate bool) (*Document, refresh.Life, error) {
	c, closeAll := i.newClient()
	defer closeAll()
	document, header, failure := i.read(ctx, c, previous, revalidate)
	i.failed.Store(failure != nil)
	if failure != nil {
		return nil, refresh.Life{}, failure
	}
	return document, refresh.Life{TTL: timeToLive(header, i.config.TTL), MaxStale: i.config.MaxStale}, nil
}

// newClient returns a client for one read, and a function to call after it. Reads are minutes apart,
// so an issuer keeps no connection between them, nor the memory for one.
func (i *Issuer) newClient() (c *client, closeAll func()) {
	c = newClient(i.config.HTTPClient, i.config.PublicOnly)
	c.failed.Store(i.failed.Load())
	t, ok := c.http.Transport.(*http.Transport) // a copy
	if !ok {
		return c, func() {}
	}
	t.IdleConnTimeout = i.config.Timeout // for one that isn't idle yet when all others are closed
	return c, t.CloseIdleConnections
}

func (i *Issuer) read(
	ctx context.Context, c *client, previous *Document, revalidate bool,
) (*Document, http.Header, *Failure) {
	if i.config.JWKSURL != "" {
		return i.readKeys(ctx, c, i.config.JWKSURL, previous, revalidate)
	}
	last := i.lastPlace()
	if last == "" {
		url, failure := i.discover(ctx, c)
		if failure != nil {
			return nil, nil, failure
		}
		return i.readKeys(ctx, c, url, previous, revalidate)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	discovered := i.discoverBeside(ctx, c)
	document, header, failure := i.readKeys(ctx, c, last, previous, revalidate)
	url, doubt := discovered()
	switch {
	case doubt == nil && url != last:
		return i.readKeys(ctx, c, url, previous, revalidate)
	case failure != nil:
		return nil, nil, failure.after(doubt)
	}
	document.Doubt = doubt
	return document, header, nil
}

// A place is a key set's URL, as named by the metadata.
type place struct {
	url   string
	named time.Time
}

// lastPlace returns the key set URL last named by the metadata, or "". The URL stays valid for
// TTL plus MaxStale, the same time as keys that can't be refreshed.
func (i *Issuer) lastPlace() string {
	last := i.place.Load()
	if last == nil || refresh.HasCome(last.named.Add(i.config.TTL+i.config.MaxStale), time.Now()) {
		return ""
	}
	return last.url
}

// discoverBeside starts discovery in the background and returns a function that waits for the
// result. The wait ends when half the read's timeout is over, but lasts at least an eighth of it.
func (i *Issuer) discoverBeside(ctx context.Context, c *client) func() (string, *Failure) {
	type result struct {
		url     string
		failure *Failure
	}
	start := time.Now()
	done := make(chan result, 1)
	go func() {
		url, failure := i.discover(ctx, c)
		done <- result{url, failure}
	}()
	return func() (string, *Failure) {
		patience := max(i.config.Timeout/2-time.Since(start), i.config.Timeout/8)
		select {
		case r := <-done:
			return r.url, r.failure
		case <-time.After(patience):
			return "", unreachable(i.String(), errSlow)
		}
	}
}

// discover reads the key set's URL from the issuer's metadata.
func (i *Issuer) discover(ctx context.Context, c *client) (string, *Failure) {
	url, failure := c.discover(ctx, i.config.Issuer, i.config.AllowHTTP, keys)
	if failure == nil {
		i.place.Store(&place{url: url, named: time.Now()})
	}
	return url, failure
}

// readKeys fetches the key set at url.
func (i *Issuer) readKeys(
	ctx context.Context, c *client, url string, previous *Document, revalidate bool,
) (*Document, http.Header, *Failure) {
	var etag string
	if previous != nil && previous.url == url && revalidate {
		etag = previous.etag
	}
	const accept = "application/jwk-set+json, application/json"
	body, header, failure := c.get(ctx, request{url: url, accept: accept, etag: etag, isLast: true})
	if etag != "" && failure.hasStatus(http.StatusNotModified) {
		return &Document{Set: previous.Set, url: url, etag: etag}, header, nil
	}
	if failure != nil {
		return nil, nil, failure
	}
	set, err := parseAfter(previous, body, i.config.Issuer)
	if err != nil {
		return nil, nil, unusable("GET %s: %w", printable(url), err)
	}
	return &Document{Set: set, url: url, etag: entityTag(header)}, header, nil
}

// entityTag returns the response's ETag (RFC 9110, section 8.8.3), or "" if it can't be sent back
// safely.
func entityTag(header http.Header) string {
	etag := header.Get("ETag")
	isUnfit := func(r rune) bool { return r <= ' ' || r > '~' }
	if len(etag) > maxEntityTag || strings.ContainsFunc(etag, isUnfit) {
		return ""
	}
	return etag
}

// timeToLive returns the configured TTL, or the response's max-age (RFC 9111, section 5.2.2.1) if
// shorter, but at least a minute. A max-age never lengthens the TTL: the operator decides how
// long a withdrawn key stays valid.
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
