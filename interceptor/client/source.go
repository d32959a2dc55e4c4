package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"time"

	"golang.org/x/oauth2"

	"github.com/oidcrpc/oidcrpc/internal/field"
	"github.com/oidcrpc/oidcrpc/internal/refresh"
)

// A Fetch asks for a new access token. It must honor ctx, which ends after 10 seconds. If ctx
// holds an [oauth2.HTTPClient], it should use that.
//
// The method Token of a [golang.org/x/oauth2/clientcredentials.Config] is a Fetch. For a
// [golang.org/x/oauth2/jwt.Config], write one:
//
//	func(ctx context.Context) (*oauth2.Token, error) { return config.TokenSource(ctx).Token() }
type Fetch func(ctx context.Context) (*oauth2.Token, error)

// A Source holds an access token and replaces it in time. It is safe for concurrent use, and one
// Source can serve any number of clients.
//
// Nothing runs between calls, so there is nothing to close. Calls share each request for a token.
// A caller who gives up ends only its own wait.
type Source struct {
	audience string // if set, callers' tokens for it are relayed, and the rest is unused

	tokens   *refresh.Source[*Credential]
	grants   *grants
	renewals *refresh.Budget
	retries  retryBudget
}

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

const (
	fetchTimeout = 10 * time.Second

	// A client has few sources, and its calls are its own. It need not wait for an endpoint to
	// recover for as long as a server must whose strangers cause requests.
	maxBackoff = time.Second

	// How many tokens refusals can cost: ten at once, and one a second.
	renewalBurst  = 10
	renewalRefill = time.Second
)

// NewSource returns a Source that gets its tokens from fetch. It panics if fetch is nil. There's
// no request until the first call.
func NewSource(fetch Fetch, options ...Option) *Source {
	if fetch == nil {
		panic("client: the Fetch is nil") //nolint:forbidigo // as in an adapter
	}
	settings := settings{http: newHTTPClient()}
	for _, option := range options {
		option.apply(&settings)
	}
	s := &Source{grants: settings.grants, renewals: refresh.NewBudget(renewalBurst, renewalRefill)}
	s.retries.fill()
	s.tokens = refresh.New(refresh.Config[*Credential]{
		Timeout:    fetchTimeout,
		MaxWaiting: math.MaxInt64,
		MaxBackoff: maxBackoff,
		Fetch:      settings.fetchCredential(fetch),
	})
	return s
}

type version = refresh.Version[*Credential]

// fetchCredential returns fetch as package refresh calls it.
func (s settings) fetchCredential(
	fetch Fetch,
) func(context.Context, *version, refresh.Reason) (*Credential, refresh.Life, error) {
	return func(ctx context.Context, _ *version, _ refresh.Reason) (*Credential, refresh.Life, error) {
		token, err := fetch(context.WithValue(ctx, oauth2.HTTPClient, s.http))
		if err != nil {
			return nil, refresh.Life{}, withRetryAfter(err)
		}
		credential, err := newCredential(token)
		if err != nil {
			return nil, refresh.Life{}, err
		}
		return credential, lifeOf(token, time.Now(), s.maxAge), nil
	}
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

// Token returns an access token to send now. If there is none it waits for one, until ctx ends.
// The error is a [*TokenError] or ctx.Err(). Don't change the token: calls share it.
func (s *Source) Token(ctx context.Context) (*oauth2.Token, error) {
	credential, err := s.Credential(ctx)
	if err != nil {
		return nil, err
	}
	return credential.token, nil
}

// Credential returns what a call sends now, and otherwise does as [Source.Token]. For adapters.
func (s *Source) Credential(ctx context.Context) (*Credential, error) {
	if s.audience != "" {
		return relayed(ctx, s.audience)
	}
	if granted := s.grants.current(); granted != nil {
		return granted, nil
	}
	if v := s.tokens.Current(); v != nil {
		return v.Value, nil
	}
	return s.find(ctx, refresh.Demand[*Credential]{})
}

// find fails only after a request for a token that began later than the call. If it's too early
// for such a request, find waits.
func (s *Source) find(ctx context.Context, d refresh.Demand[*Credential]) (*Credential, error) {
	v, err := s.tokens.Find(ctx, d)
	if wait := backoff(ctx, err); wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
			v, err = s.tokens.Find(ctx, d)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if unavailable, ok := errors.AsType[*refresh.Unavailable](err); ok {
		return nil, &TokenError{RetryAfter: unavailable.RetryAfter, Err: unavailable.Err}
	}
	if err != nil {
		return nil, err
	}
	return v.Value, nil
}

// backoff returns how long to wait until another request may begin, or 0 if waiting is no use.
func backoff(ctx context.Context, err error) time.Duration {
	unavailable, ok := errors.AsType[*refresh.Unavailable](err)
	if !ok || unavailable.RetryAfter > maxBackoff || errors.Is(err, refresh.ErrBudget) {
		return 0
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= unavailable.RetryAfter {
		return 0
	}
	return unavailable.RetryAfter
}

// A Credential is a token as calls send it. It never changes. For adapters.
type Credential struct {
	token    *oauth2.Token
	header   []string
	metadata map[string]string
}

// Header returns the values of the Authorization header. Don't change them.
func (c *Credential) Header() []string { return c.header }

// Metadata returns gRPC metadata with the header alone. Don't change it.
func (c *Credential) Metadata() map[string]string { return c.metadata }

// newCredential checks what would break a header, or isn't a bearer token.
func newCredential(token *oauth2.Token) (*Credential, error) {
	if token == nil || token.AccessToken == "" {
		return nil, errors.New("the endpoint has returned no access token")
	}
	if kind := token.Type(); kind != "Bearer" { // Type reads an absent one as Bearer
		return nil, fmt.Errorf("the token's type is %q, want Bearer", field.Printable(kind))
	}
	for _, c := range []byte(token.AccessToken) {
		if c <= ' ' || c > '~' {
			return nil, errors.New("the token has a character that no header can carry")
		}
	}
	header := "Bearer " + token.AccessToken
	return &Credential{
		token:    token,
		header:   []string{header},
		metadata: map[string]string{"authorization": header},
	}, nil
}
