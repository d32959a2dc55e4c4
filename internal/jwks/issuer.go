// Package jwks reads an issuer's key set, where the issuer's metadata say it is. It knows
// nothing about tokens.
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
	minTTL       = time.Minute // what a max-age can shorten the time to live to
)

// An Issuer is asked for its metadata and its keys, at places that the configuration
// decides and a token never does. Reads must not overlap.
type Issuer struct {
	config Config
	client *client
	place  atomic.Pointer[place] // that the metadata last named
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

// Source returns the URL that is asked first for an issuer's keys, as a log may show it.
func (c Config) Source() string {
	if c.JWKSURL != "" {
		return printable(c.JWKSURL)
	}
	openID, _ := metadataURLs(c.Issuer)
	return printable(openID)
}

// NewIssuer expects a valid Config.
func NewIssuer(config Config) *Issuer {
	return &Issuer{config: config, client: newClient(config.HTTPClient, config.PublicOnly)}
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
	i.client.failed.Store(failure != nil)
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
			return "", unreachable(i.config.Source(), errSlow)
		}
	}
}

// discover reads the key set's URL from the issuer's metadata: those of OpenID Connect
// Discovery 1.0, section 4, or where there are none, of RFC 8414.
func (i *Issuer) discover(ctx context.Context) (string, *Failure) {
	openID, oauth := metadataURLs(i.config.Issuer)
	document, _, failure := i.client.get(ctx, request{url: openID, accept: "application/json"})
	if failure.hasStatus(http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusGone) {
		first := failure
		if document, _, failure = i.client.get(ctx, request{url: oauth, accept: "application/json"}); failure != nil {
			failure = failure.after(first).instead("Config.JWKSURL can say where the keys are")
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

// readKeys reads the key set at a URL.
func (i *Issuer) readKeys(
	ctx context.Context, url string, previous *Document, revalidate bool,
) (*Document, http.Header, *Failure) {
	var etag string
	if previous != nil && previous.url == url && revalidate {
		etag = previous.etag
	}
	const accept = "application/jwk-set+json, application/json"
	body, header, failure := i.client.get(ctx, request{url: url, accept: accept, etag: etag, isLast: true})
	if etag != "" && failure.hasStatus(http.StatusNotModified) {
		return &Document{Set: previous.Set, url: url, etag: etag}, header, nil
	}
	if failure != nil {
		return nil, nil, failure
	}
	set, err := ParseSet(body, i.config.Issuer)
	if err != nil {
		return nil, nil, unusable("GET %s: %w", printable(url), err)
	}
	if previous != nil {
		set = previous.merge(set)
	}
	return &Document{Set: set, url: url, etag: entityTag(header)}, header, nil
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
