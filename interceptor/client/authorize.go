package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/oauth2"

	"github.com/oidcrpc/oidcrpc/internal/refresh"
)

// An Authorize asks the user for a token with which the refused call is accepted. The refusal
// says what would be enough: Scopes, Permissions, ACRValues, MaxAge, and ResourceMetadata, which
// leads to the authorization server by way of a [Discovery]. Its context has the values of the
// call that was refused first, but not its end. It must honor that context, which ends after ten
// minutes.
type Authorize func(ctx context.Context, r *Refusal) (*oauth2.Token, error)

const (
	authorizeTimeout = 10 * time.Minute // people take their time
	authorizePause   = 10 * time.Second
	authorizeBurst   = 5
)

// grants are the tokens a user has granted to refused calls. Nil has none.
type grants struct {
	authorize Authorize
	budget    *refresh.Budget
	latest    atomic.Pointer[grant] // what calls send while it lives
	dpop      *DPoP                 // what binds the tokens, or nil
	http      *http.Client          // that brings its proofs

	mu    sync.Mutex
	flows map[string]*flow // by need
}

func newGrants(authorize Authorize) *grants {
	return &grants{
		authorize: authorize,
		budget:    refresh.NewBudget(authorizeBurst, authorizePause),
		flows:     make(map[string]*flow),
	}
}

type grant struct {
	credential *Credential
	until      time.Time
}

func (g *grant) isAlive(now time.Time) bool { return g != nil && !refresh.HasCome(g.until, now) }

// current returns the latest grant's credential, or nil.
func (g *grants) current() *Credential {
	if g == nil {
		return nil
	}
	if latest := g.latest.Load(); latest.isAlive(time.Now()) {
		return latest.credential
	}
	return nil
}

// A flow is one run of the user's function, shared by all calls with the same need.
type flow struct {
	done  chan struct{} // closed once the fields below are set
	ended time.Time
	grant *grant
	err   error
}

// find returns what the user grants to a refused call.
func (g *grants) find(ctx context.Context, refused *Credential, r *Refusal) (*Credential, error) {
	f := g.join(ctx, refused, r)
	if f == nil {
		return nil, errTooManyFlows
	}
	select {
	case <-f.done:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if f.err != nil {
		return nil, f.err
	}
	g.latest.Store(f.grant)
	return f.grant.credential, nil
}

var errTooManyFlows = errors.New("too many calls have asked for an authorization")

// join returns the flow for a need, or nil if none may begin.
func (g *grants) join(ctx context.Context, refused *Credential, r *Refusal) *flow {
	g.mu.Lock()
	defer g.mu.Unlock()
	now, need := time.Now(), needOf(r)
	if f := g.flows[need]; f != nil && (f.isRecent(now) || f.grant.isAlive(now) && f.grant.credential != refused) {
		return f
	}
	if g.budget.Take(now) > 0 {
		return nil
	}
	for need, f := range g.flows {
		if !f.isRecent(now) && !f.grant.isAlive(now) {
			delete(g.flows, need)
		}
	}
	f := &flow{done: make(chan struct{})}
	g.flows[need] = f
	asked := *r
	go g.run(context.WithoutCancel(ctx), f, &asked)
	return f
}

// isRecent reports whether a flow is under way or has just ended.
func (f *flow) isRecent(now time.Time) bool {
	return f.ended.IsZero() || !refresh.HasCome(f.ended.Add(authorizePause), now)
}

// needOf returns the same text for refusals that ask for the same.
func needOf(r *Refusal) string {
	sorted := func(values []string) []string { return slices.Sorted(slices.Values(values)) }
	return fmt.Sprintf("%q %q %q %q %v %q",
		r.Code, sorted(r.Scopes), sorted(r.Permissions), r.ACRValues, r.MaxAge, r.ResourceMetadata)
}

func (g *grants) run(ctx context.Context, f *flow, r *Refusal) {
	ctx, cancel := context.WithTimeout(ctx, authorizeTimeout)
	defer cancel()
	if g.dpop != nil {
		ctx = context.WithValue(ctx, oauth2.HTTPClient, g.http)
	}
	var token *oauth2.Token
	var failure error
	err := refresh.CallWithDeadline(ctx, func() { token, failure = g.authorize(ctx, r) })
	if err == nil { // otherwise it may still be running: don't touch its results
		err = failure
	}
	var granted *grant
	if err == nil {
		granted, err = newGrant(token, g.dpop)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	f.grant, f.err, f.ended = granted, err, time.Now()
	if granted != nil {
		g.latest.Store(granted)
	}
	close(f.done)
}

func newGrant(token *oauth2.Token, dpop *DPoP) (*grant, error) {
	credential, err := newCredential(token, dpop)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	return &grant{credential: credential, until: now.Add(lifeOf(token, now, 0).TTL)}, nil
}

// drop forgets a granted token that the server no longer takes.
func (g *grants) drop(refused *Credential) {
	if g == nil {
		return
	}
	if latest := g.latest.Load(); latest != nil && latest.credential == refused {
		g.latest.CompareAndSwap(latest, nil)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for need, f := range g.flows {
		if f.grant != nil && f.grant.credential == refused {
			delete(g.flows, need)
		}
	}
}
