package verifier

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// A tenant is what is known of an issuer since it was last looked up. It never changes.
type tenant struct {
	verifier *Verifier // nil: the issuer is unknown, as far as we know
	config   Config
	found    time.Time
	outage   outage    // of the resolver
	refused  time.Time // an unknown issuer: until then
}

// mayServe reports whether the tenant's tokens may be judged without another look-up. It
// follows the rule of [keySource.mayServe].
func (t *tenant) mayServe(now time.Time) bool {
	switch {
	case t.verifier == nil || hasCome(t.found.Add(tenantTTL+tenantMaxStale), now):
		return false
	case !hasCome(t.found.Add(tenantTTL), now):
		return true
	default:
		return t.outage.isNews(t.due(), now, tenantTTL)
	}
}

// due is when to look the tenant up while its tokens are judged.
func (t *tenant) due() time.Time { return t.found.Add(tenantRefresh) }

// A lookup is one call of the resolver, which any number of calls wait for.
type lookup struct {
	done chan struct{} // closed when err is final and the tenant in place
	err  error
}

// verifier returns the verifier of an issuer's tenant. The error is an *AuthError, a
// *KeysError or ctx.Err().
func (t *Tenants) verifier(ctx context.Context, issuer string) (*Verifier, error) {
	var failure error // of the look-up that was waited for
	for {
		v, lookup, err := t.find(issuer, failure)
		if v != nil || err != nil {
			return v, err
		}
		select {
		case <-lookup.done:
			failure = lookup.err
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// find returns the verifier to use now, or else the look-up to wait for, or why there is
// neither. Failure is that of a look-up which has been waited for already.
func (t *Tenants) find(issuer string, failure error) (*Verifier, *lookup, error) {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	known := t.known(issuer)
	underWay := t.lookups[issuer]
	if known.mayServe(now) {
		if hasCome(known.due(), now) && underWay == nil && !known.outage.lastsAt(now) {
			t.lookUp(issuer, known)
		}
		return known.verifier, nil, nil
	}
	switch {
	case failure != nil:
		return nil, nil, failure
	case underWay != nil:
		return nil, underWay, nil
	case now.Before(known.refused):
		return nil, nil, anotherIssuer()
	case known.outage.lastsAt(now):
		return nil, nil, known.outage.error(now)
	}
	if known.verifier == nil {
		if wait := t.misses.take(now); wait > 0 {
			return nil, nil, &KeysError{
				Code:       CodeJWKSFetchFailed,
				RetryAfter: wait,
				Err:        errors.New("too many tokens of unknown issuers"),
			}
		}
	}
	return nil, t.lookUp(issuer, known), nil
}

// known expects the mutex to be held.
func (t *Tenants) known(issuer string) *tenant {
	if known, ok := t.tenants.Get(issuer); ok {
		return known
	}
	if known, ok := t.strangers.Get(issuer); ok {
		return known
	}
	return &tenant{}
}

// lookUp expects the mutex to be held. The issuer may be part of something large.
func (t *Tenants) lookUp(issuer string, known *tenant) *lookup {
	issuer = strings.Clone(issuer)
	l := &lookup{done: make(chan struct{})}
	t.lookups[issuer] = l
	go t.run(l, issuer, known)
	return l
}

// run looks a tenant up on a context of its own, as fly does with keys.
func (t *Tenants) run(l *lookup, issuer string, known *tenant) {
	ctx, cancel := context.WithTimeout(context.Background(), resolveTimeout)
	defer cancel()
	found, err := t.resolveInTime(ctx, issuer, known)

	t.mu.Lock()
	defer t.mu.Unlock()
	defer close(l.done)
	if t.lookups[issuer] != l {
		return // forgotten meanwhile: whoever waits looks it up again
	}
	delete(t.lookups, issuer)
	now := time.Now()
	switch {
	case err == nil:
		found.found = now
		t.keep(issuer, found)
	case errors.Is(err, ErrUnknownIssuer):
		l.err = anotherIssuer()
		t.tenants.Remove(issuer)
		t.strangers.Add(issuer, &tenant{refused: now.Add(strangerMemory)})
	default:
		failing := *known
		failing.outage.extend(now, &KeysError{Code: CodeJWKSFetchFailed, Err: err})
		l.err = failing.outage.error(now)
		t.keep(issuer, &failing)
	}
}

// keep puts what is known of an issuer in the place of what was. It expects the mutex to
// be held.
func (t *Tenants) keep(issuer string, known *tenant) {
	if t.tenants.Contains(issuer) {
		t.tenants.Add(issuer, known)
	} else {
		t.strangers.Add(issuer, known)
	}
}

// admit gives a stranger who has shown a good token a tenant's place, and back what its
// look-up has cost.
func (t *Tenants) admit(issuer string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	stranger, ok := t.strangers.Peek(issuer)
	if !ok || stranger.verifier == nil {
		return
	}
	t.strangers.Remove(issuer)
	t.tenants.Add(stranger.config.Issuer, stranger)
	t.misses.giveBack()
}

func (t *Tenants) resolveInTime(ctx context.Context, issuer string, known *tenant) (*tenant, error) {
	var found *tenant
	var err error
	failure := inTime(ctx, func() { found, err = t.configured(ctx, issuer, known) })
	if failure != nil {
		return nil, fmt.Errorf("look-up of a tenant: %w", failure)
	}
	return found, err
}

// configured makes a tenant of what the resolver says. No error quotes the issuer that a
// token claims, unless it is one of a configuration.
func (t *Tenants) configured(ctx context.Context, issuer string, known *tenant) (*tenant, error) {
	config, err := t.resolve(ctx, issuer)
	if err != nil {
		return nil, err
	}
	if config.Issuer != issuer {
		return nil, fmt.Errorf("issuer %q: Config.Issuer is not the one that was asked for", config.Issuer)
	}
	config = config.withDefaults() // a copy
	if known.verifier != nil && known.config.equal(config) {
		return &tenant{verifier: known.verifier, config: config}, nil
	}
	v, err := newVerifier(config)
	if err != nil {
		return nil, fmt.Errorf("issuer %q: %w", config.Issuer, err)
	}
	return &tenant{verifier: v, config: config}, nil
}

// equal compares all but functions. Clients and loggers are equal if they are the same.
func (c Config) equal(other Config) bool {
	if c.HTTPClient != other.HTTPClient || c.Logger != other.Logger {
		return false
	}
	c.HTTPClient, other.HTTPClient = nil, nil
	c.Logger, other.Logger = nil, nil
	c.OnFetch, other.OnFetch = nil, nil
	return reflect.DeepEqual(c, other)
}
