package jwks

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/oidcrpc/oidcrpc/internal/field"
)

const (
	maxDocumentBytes = 1 << 20  // of metadata and key sets, after decompression
	maxHeaderBytes   = 64 << 10 // of a response, where the transport is net/http's
	maxRedirects     = 3
)

// A client fetches documents.
type client struct {
	http   *http.Client
	failed atomic.Bool // the latest read
}

// newClient copies the user's client, so that our rules always hold.
func newClient(user *http.Client, publicOnly bool) *client {
	var c http.Client
	if user != nil {
		c = *user
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
			to := req.URL.Scheme + "://" + req.URL.Host
			return redirectError("redirected to another host or scheme: " + field.Printable(to))
		}
		if len(via) > maxRedirects {
			return redirectError("redirected too often")
		}
		return nil
	}
	if publicOnly {
		guardDial(&c)
	}
	return &client{http: &c}
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
func (c *client) get(ctx context.Context, r request) ([]byte, http.Header, *Failure) {
	url := r.url
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, nil, unreachable(url, err)
	}
	req.Close = r.isLast || c.failed.Load()
	req.Header.Set("Accept", r.accept)
	if r.etag != "" {
		req.Header.Set("If-None-Match", r.etag)
	}
	res, err := c.http.Do(req)
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
