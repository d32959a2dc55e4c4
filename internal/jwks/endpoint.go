package jwks

import (
	"context"
	"errors"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/oidcrpc/oidcrpc/internal/refresh"
	"github.com/oidcrpc/oidcrpc/internal/strictjson"
)

const (
	maxAnswerBytes = 64 << 10 // after decompression
	maxIdlePosts   = 64       // connections kept for the next requests

	// How long the URL from the metadata is used, and how much longer in an outage.
	endpointTTL      = 5 * time.Minute
	endpointMaxStale = time.Hour

	// An HTTP/2 connection that says nothing for so long is tested, and then closed: net/http
	// would use a dead one for a quarter hour (golang/go#36026).
	silence     = 5 * time.Second
	pingTimeout = 2 * time.Second
)

// An Endpoint takes forms, such as questions about tokens (RFC 7662). The configuration or the
// issuer's metadata say where it is. It is safe for concurrent use.
type Endpoint struct {
	client *client
	url    *refresh.Source[string]
}

// An EndpointConfig says where an endpoint is, and how to reach it.
type EndpointConfig struct {
	Issuer     string
	URL        string // if empty, the metadata name it
	Member     Member // under which they do
	HTTPClient *http.Client
	AllowHTTP  bool
	Timeout    time.Duration // for one read of the metadata
}

// NewEndpoint returns an Endpoint. It expects a valid config and sends nothing.
func NewEndpoint(config EndpointConfig) *Endpoint {
	e := &Endpoint{client: newClient(config.HTTPClient, false)}
	if t, ok := e.client.http.Transport.(*http.Transport); ok {
		keepConnections(t)
	}
	if config.URL != "" {
		e.url = refresh.Fixed(config.URL)
		return e
	}
	e.url = refresh.New(refresh.Config[string]{
		Timeout: config.Timeout,
		Fetch: func(ctx context.Context, _ *refresh.Version[string], _ refresh.Reason) (string, refresh.Life, error) {
			url, failure := e.client.discover(ctx, config.Issuer, config.AllowHTTP, config.Member)
			e.client.failed.Store(failure != nil)
			if failure != nil {
				return "", refresh.Life{}, failure
			}
			return url, refresh.Life{TTL: endpointTTL, MaxStale: endpointMaxStale}, nil
		},
	})
	return e
}

// keepConnections makes a transport fit for many requests at a time.
func keepConnections(t *http.Transport) {
	t.MaxIdleConnsPerHost = max(t.MaxIdleConnsPerHost, maxIdlePosts)
	if t.HTTP2 == nil {
		t.HTTP2 = &http.HTTP2Config{}
	}
	if t.HTTP2.SendPingTimeout == 0 {
		t.HTTP2.SendPingTimeout, t.HTTP2.PingTimeout = silence, pingTimeout
	}
}

// A Post is one form for an [Endpoint]. Header authenticates us.
type Post struct {
	Form   url.Values
	Header http.Header
	Accept string
}

// An Answer is the body of a response with status 200, and its media type.
type Answer struct {
	Type string // in lower case, without parameters
	Body []byte
}

// Post sends a form. It follows no redirect, and failures never quote what the issuer sent.
func (e *Endpoint) Post(ctx context.Context, p Post) (Answer, *Failure) {
	v, err := e.url.Find(ctx, refresh.Demand[string]{})
	if err != nil {
		if failure, ok := errors.AsType[*Failure](err); ok {
			return Answer{}, failure
		}
		return Answer{}, &Failure{Err: err}
	}
	answer, failure := e.post(ctx, v.Value, p)
	if failure != nil {
		e.client.http.CloseIdleConnections() // one of them may be why
	}
	return answer, failure
}

func (e *Endpoint) post(ctx context.Context, url string, p Post) (answer Answer, failure *Failure) {
	failed := func(cause error) *Failure {
		return &Failure{Err: &fetchError{"POST " + printable(url), cause}}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(p.Form.Encode()))
	if err != nil {
		return answer, failed(err)
	}
	maps.Copy(req.Header, p.Header)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", p.Accept)
	req.Header["Idempotency-Key"] = nil // not sent: net/http may try again if an idle connection was closed
	res, err := e.client.http.Do(req)
	if err != nil {
		return answer, failed(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswerBytes+1))
	switch {
	case res.StatusCode != http.StatusOK:
		failure := failed(statusError(res.StatusCode))
		failure.retryAfter = retryAfter(res)
		failure.Code = errorCode(res.StatusCode, body)
		return answer, failure
	case err != nil:
		return answer, failed(err)
	case len(body) > maxAnswerBytes:
		return answer, unusable("POST %s: more than %d bytes", printable(url), maxAnswerBytes)
	}
	mediaType, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	return Answer{Type: mediaType, Body: body}, nil
}

// errorCodes are those we know (RFC 6749, section 5.2; RFC 7009, section 2.2.1).
var errorCodes = []string{"invalid_request", "invalid_client", "unauthorized_client", "unsupported_token_type"}

// errorCode returns an OAuth error's code, if we know it.
func errorCode(status int, body []byte) (code string) {
	if status != http.StatusBadRequest && status != http.StatusUnauthorized {
		return ""
	}
	strictjson.Members(string(body), maxErrorDepth, func(name, value string) {
		if text, _ := strictjson.Text(value); name == "error" && slices.Contains(errorCodes, text) {
			code = text
		}
	})
	return code
}

const maxErrorDepth = 16
