package client

import (
	"context"
	"errors"
	"math"
	"time"

	"golang.org/x/oauth2"

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
	settings.useDPoP()
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

// NewRelay returns a Source for calls that a handler makes on behalf of its own caller. Each sends
// the caller's token on, if the token is meant for the given audience, too: the server it arrives
// at can do with it whatever the caller may do at that audience. So give the Source only to the
// client of the one server that is the audience, and prefer [Exchange] where your authorization
// server can do it.
//
// The server must have [interceptor.WithTokenInContext], and the handler must make the call with
// its own context. A call that has no such token fails with a [TokenError] that isn't temporary. A
// refused call isn't sent again, since the token is not ours to renew. A token that's bound to its
// caller can't be relayed. NewRelay panics if audience is empty.
func NewRelay(audience string) *Source {
	if audience == "" {
		panic("client: the audience is empty") //nolint:forbidigo // as for a nil Fetch
	}
	return &Source{audience: audience}
}

// useDPoP has requests for tokens bring proofs.
func (s *settings) useDPoP() {
	if s.dpop == nil {
		return
	}
	s.http = s.dpop.tokenClient(s.http)
	if s.grants != nil {
		s.grants.dpop, s.grants.http = s.dpop, s.http
	}
}

type version = refresh.Version[*Credential]

// fetchCredential returns fetch as package refresh calls it.
func (s *settings) fetchCredential(
	fetch Fetch,
) func(context.Context, *version, refresh.Reason) (*Credential, refresh.Life, error) {
	return func(ctx context.Context, _ *version, _ refresh.Reason) (*Credential, refresh.Life, error) {
		ctx, demand := withNonceDemand(context.WithValue(ctx, oauth2.HTTPClient, s.http))
		token, err := fetch(ctx)
		if err != nil && demand.isMade.Load() {
			token, err = fetch(ctx)
		}
		if err != nil {
			return nil, refresh.Life{}, withRetryAfter(err)
		}
		credential, err := newCredential(token, s.dpop)
		if err != nil {
			return nil, refresh.Life{}, err
		}
		return credential, lifeOf(token, time.Now(), s.maxAge), nil
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
