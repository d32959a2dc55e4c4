package client

import (
	"cmp"
	"net/http"
	"time"
)

// An Option configures a [Source].
type Option interface{ apply(*settings) }

type settings struct {
	maxAge time.Duration
	http   *http.Client
	grants *grants
}

type option func(*settings)

func (o option) apply(s *settings) { o(s) }

// WithMaxAge asks for a new token at least this often, even if the current one lives longer. It
// suits tokens that someone else replaces, such as one in a file. By default only the token's
// expiry counts.
func WithMaxAge(d time.Duration) Option { return option(func(s *settings) { s.maxAge = d }) }

// WithHTTPClient sets the client that asks for tokens, for functions that read it from their
// context under [oauth2.HTTPClient]. The default follows no redirects, since they would take the
// client's secret elsewhere, and keeps no connection, since one that has died would be used again.
// Nil means the default.
func WithHTTPClient(c *http.Client) Option {
	return option(func(s *settings) { s.http = cmp.Or(c, s.http) })
}

// WithAuthorize sets a function for calls whose token is not enough: it lacks a scope or a
// permission, or the user must log in another way or again (RFC 9470). A call that was refused
// for this is sent once more with the new token, under the same conditions as after a renewal.
// Without the option it fails at once.
//
// Calls with the same need share one run, and a caller who gives up ends only its own wait. A run
// may outlive all its calls: its token is for those that follow. It replaces the Source's token
// until it expires. So ask for earlier scopes along with the new ones, and let the Fetch know what
// the user has granted.
//
// No need leads to another run within ten seconds, and there are at most five runs at once and
// one in ten seconds later. A call that gets no token this way says why in its refusal's Err.
func WithAuthorize(authorize Authorize) Option {
	return option(func(s *settings) { s.grants = newGrants(authorize) })
}

func newHTTPClient() *http.Client {
	transport := http.DefaultTransport
	if t, ok := transport.(*http.Transport); ok {
		t = t.Clone()
		t.DisableKeepAlives = true
		transport = t
	}
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
