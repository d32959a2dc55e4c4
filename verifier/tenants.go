package verifier

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// ErrUnknownIssuer is what a [Resolver] returns for an issuer that is nobody's.
var ErrUnknownIssuer = errors.New("unknown issuer")

// A Resolver returns the configuration of the tenant that an issuer belongs to. It is
// the allow list: the issuer it is asked about stands in a token that anybody may have
// made up, and must be looked up as it is, never fetched from. It must end with ctx, and
// be safe for concurrent use.
//
// An error that is [ErrUnknownIssuer] refuses the token with [CodeInvalidIssuer]. Any
// other one says that the tenant cannot be looked up now, and becomes a [*KeysError].
// So does a configuration that is not valid, or not of this issuer.
type Resolver func(ctx context.Context, issuer string) (Config, error)

// How long what a Resolver said is believed, and what strangers can make us ask it.
const (
	tenantTTL      = 5 * time.Minute
	tenantRefresh  = 4 * time.Minute
	tenantMaxStale = time.Hour // past tenantTTL, while it returns errors
	resolveTimeout = 3 * time.Second

	strangerMemory = 10 * time.Second // of an unknown issuer
	maxStrangers   = 256
	strangerBurst  = 64
	strangerRefill = 100 * time.Millisecond

	maxIssuerBytes = 2048
)

// Tenants accepts the tokens of issuers that are looked up when a token first names
// them. Make one with [NewTenants]. It is safe for concurrent use.
//
// A tenant is looked up again every 4 to 5 minutes while it is in use, and so lives on
// for that long when it is removed; while the resolver returns errors, it does for an
// hour more. It keeps its keys if its configuration is still the same, OnFetch aside,
// which cannot be compared: a resolver should return the same HTTPClient and Logger.
//
// Whoever makes tokens up takes no tenant's place: that is given to an issuer with the
// first of its tokens that is good. Until then it is one of those that share 64 look-ups,
// refilled with 10 a second: what exceeds them is answered with a [*KeysError]. That an
// issuer is unknown is remembered for 10 seconds.
type Tenants struct {
	resolve Resolver

	mu        sync.Mutex                      // never held during a look-up
	tenants   *simplelru.LRU[string, *tenant] // those that have shown a good token
	strangers *simplelru.LRU[string, *tenant] // all others
	lookups   map[string]*lookup              // under way
	misses    bucket                          // of strangers
}

// NewTenants returns the verifier of the tenants that resolve knows. It keeps those that
// were used last, as many as capacity; each has a [Verifier] of its own, whose memory its
// [Config] bounds: above all that of remembered tokens, by TokenCacheSize. An error says
// which of the two arguments is wrong.
func NewTenants(capacity int, resolve Resolver) (*Tenants, error) {
	if resolve == nil {
		return nil, errors.New("verifier: NewTenants needs a Resolver")
	}
	tenants, err := simplelru.NewLRU[string, *tenant](capacity, nil)
	if err != nil {
		return nil, errors.New("verifier: NewTenants needs room for at least one tenant")
	}
	strangers, err := simplelru.NewLRU[string, *tenant](maxStrangers, nil)
	if err != nil {
		return nil, fmt.Errorf("verifier: %w", err)
	}
	return &Tenants{
		resolve:   resolve,
		tenants:   tenants,
		strangers: strangers,
		lookups:   make(map[string]*lookup),
		misses:    bucket{burst: strangerBurst, refill: strangerRefill},
	}, nil
}

// Verify returns the claims of an access token of one of the tenants, as
// [Verifier.Verify] does for one issuer.
func (t *Tenants) Verify(ctx context.Context, token string) (*Claims, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	issuer, refusal := claimedIssuer(token)
	if refusal != nil {
		return nil, refusal
	}
	if len(issuer) > maxIssuerBytes {
		return nil, anotherIssuer()
	}
	v, err := t.verifier(ctx, issuer)
	if err != nil {
		return nil, err
	}
	claims, err := v.Verify(ctx, token)
	if err == nil {
		t.admit(issuer)
	}
	return claims, err
}

// Status returns the state of the keys of all tenants that are held, by issuer. It looks
// nothing up.
func (t *Tenants) Status() []Status {
	t.mu.Lock()
	known := append(t.tenants.Values(), t.strangers.Values()...)
	t.mu.Unlock()
	var all []Status
	for _, tenant := range known {
		if tenant.verifier != nil {
			all = append(all, tenant.verifier.Status())
		}
	}
	slices.SortFunc(all, func(a, b Status) int { return strings.Compare(a.Issuer, b.Issuer) })
	return all
}

// Forget drops a tenant, so that the next token of its issuer looks it up. It is for a
// service that knows when a tenant was removed or changed.
func (t *Tenants) Forget(issuer string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tenants.Remove(issuer)
	t.strangers.Remove(issuer)
	delete(t.lookups, issuer) // what is under way may have been answered before
}
