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
			return redirectError("redirected to another host or scheme")
		}
		if len(via) > maxRedirects {
			return redirectError("redirected too often")
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

// get fetches one document. A failure never quotes what the issuer sent.
func (i *issuer) get(ctx context.Context, url string) ([]byte, http.Header, *KeysError) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, nil, unreachable(url, err)
	}
	req.Header.Set("Accept", "application/json")
	res, err := i.client.Do(req)
	if err != nil {
		return nil, nil, unreachable(url, err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, nil, unreachable(url, statusError(res.StatusCode))
	}
	document, err := io.ReadAll(io.LimitReader(res.Body, maxDocumentBytes+1))
	if err != nil {
		return nil, nil, unreachable(url, err)
	}
	if len(document) > maxDocumentBytes {
		return nil, nil, unusable("GET %s: more than %d bytes", url, maxDocumentBytes)
	}
	return document, res.Header, nil
}

func unreachable(url string, cause error) *KeysError {
	return &KeysError{Code: CodeJWKSFetchFailed, Err: &fetchError{url, cause}}
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
