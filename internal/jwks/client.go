package jwks

import (
	"context"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/oidcrpc/oidcrpc/internal/field"
)

const (
	maxDocumentBytes = 1 << 20  // per document, after decompression
	maxHeaderBytes   = 64 << 10 // per response, if the transport is net/http's
	maxRedirects     = 3
)

// A client fetches documents with our limits.
type client struct {
	http   *http.Client
	failed atomic.Bool // the latest read failed
}

// newClient copies the user's client and applies our limits to the copy.
func newClient(user *http.Client, publicOnly bool) *client {
	c := withTransport(user)
	if transport, ok := c.Transport.(*http.Transport); ok {
		c.Transport = newTransport(transport)
	}
	c.CheckRedirect = func(req *http.Request, via []*http.Request) error {
		req.Header.Del("If-None-Match") // the tag belongs to another resource
		if via[0].Method != http.MethodGet {
			return redirectError("redirected, which is followed only for documents")
		}
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
		guardDial(c)
	}
	return &client{http: c}
}

// withTransport returns a copy of the user's client that has a transport, which is still the
// user's.
func withTransport(user *http.Client) *http.Client {
	var c http.Client
	if user != nil {
		c = *user
	}
	if c.Transport == nil {
		c.Transport = http.DefaultTransport
	}
	return &c
}

func newTransport(transport *http.Transport) *http.Transport {
	t := transport.Clone()
	if transport == http.DefaultTransport {
		t.DialContext = nil // http.Transport's own dialer is as good
	}
	if t.MaxResponseHeaderBytes == 0 {
		t.MaxResponseHeaderBytes = maxHeaderBytes
	}
	return t
}

// A request asks for one document, unless it still has the given entity tag.
type request struct {
	url, accept, etag string
	isLast            bool // no further request to this host follows
}

// get fetches one document. Failures never quote what the issuer sent.
//
// Reads are minutes apart, and a firewall may have dropped an idle connection in the meantime.
// Over HTTP/2, net/http keeps using such a connection for a quarter hour while its requests time
// out (golang/go#36026). So the last request closes its connection, and after a failed read every
// request does. This works with any transport, also one that isn't net/http's.
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

// retryAfter reads the Retry-After field of a 429 or 503 response. It returns 0 for other statuses
// and when the field is absent or invalid.
func retryAfter(res *http.Response) time.Duration {
	if res.StatusCode != http.StatusTooManyRequests && res.StatusCode != http.StatusServiceUnavailable {
		return 0
	}
	return field.RetryAfter(res.Header.Get("Retry-After"))
}
