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
	dpop   *DPoP
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
//
// With [WithDPoP], the context of the function holds an [oauth2.HTTPClient] that it must use to
// ask for the token, since the token must have the same key.
func WithAuthorize(authorize Authorize) Option {
	return option(func(s *settings) { s.grants = newGrants(authorize) })
}

// WithDPoP binds the Source's tokens to a key, and has each call prove possession (RFC 9449). A
// stolen token is then worth nothing. Nil means a DPoP with the zero [DPoPConfig].
//
// Requests for tokens have a proof, too, if the Fetch takes its HTTP client from its context. The
// endpoint's tokens must be of the type DPoP: one of the type Bearer is refused, since it would be
// good for a thief. Without this option one of the type DPoP is refused.
//
// Each call has its own proof, and so has each further attempt. If a server wants a nonce in it,
// the call is sent once more with the same token. With gRPC a proof names the channel's authority,
// and http as the scheme if the connection has no transport security. With Connect the HTTP client
// needs [Source.Transport].
func WithDPoP(d *DPoP) Option {
	return option(func(s *settings) {
		if d == nil {
			d = processDPoP()
		}
		s.dpop = d
	})
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
