package verifier

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/oidcrpc/oidcrpc/internal/refresh"
)

// ErrUnknownIssuer is what a [Resolver] returns for an unknown issuer.
var ErrUnknownIssuer = errors.New("unknown issuer")

// A Resolver returns the configuration of the tenant that an issuer belongs to. It is the
// allow list: the issuer stands in a token that may be made up, so look it up as it is and
// never fetch from it. A Resolver must end with ctx, and be safe for concurrent use.
//
// An [ErrUnknownIssuer] refuses the token with [CodeInvalidIssuer]. Any other error says
// that the tenant can't be looked up now, and becomes a [*KeysError]. So does a
// configuration that is not valid, or belongs to another issuer.
type Resolver func(ctx context.Context, issuer string) (Config, error)

// A DynamicConfig says how a [Dynamic] looks up its tenants.
type DynamicConfig struct {
	// Resolve is required.
	Resolve Resolver

	// Capacity is how many tenants are kept, the ones used last: 1000 by default, a
	// million at most. Each has a [Verifier] of its own, whose memory its [Config] bounds:
	// above all its remembered tokens, by TokenCacheSize.
	Capacity int

	// AllowPrivateAddresses lets metadata and keys be fetched from loopback, link-local and
	// private addresses, as a metadata service has them, too. By default they aren't, since
	// a tenant's issuer may be a customer's: every address is judged when it's dialed, no
	// proxy is used, and an HTTPClient whose transport isn't net/http's own is refused.
	AllowPrivateAddresses bool
}

// How long a Resolver's answer is believed, and what strangers can make us do.
const (
	tenantTTL      = 5 * time.Minute
	tenantMaxStale = time.Hour // past tenantTTL, while the Resolver returns errors
	resolveTimeout = 3 * time.Second
	unknownTTL     = 10 * time.Second // of an unknown issuer

	defaultCapacity = 1000
	maxCapacity     = 1_000_000
	maxStrangers    = 256
	maxIssuerBytes  = 2048

	strangerBurst       = 64
	strangerLookUps     = 100 * time.Millisecond // refill
	strangerKeysRefills = time.Second
)

// A Dynamic accepts the tokens of issuers that are looked up when a token first names them.
// Make one with [NewDynamic]. It's safe for concurrent use.
//
// A tenant in use is looked up again within 5 minutes, so a removed one lives on for that
// long: [Dynamic.Forget] is quicker. While the Resolver returns errors, tenants live on for
// an hour more. A tenant keeps its keys if its configuration is still the same, OnFetch
// aside, which can't be compared: a Resolver should return the same HTTPClient and Logger.
//
// Made-up tokens can't evict a tenant: an issuer becomes one with its first valid token.
// Until then it's a stranger. Strangers share 64 look-ups, refilled with 10 a second, and
// 64 fetches of keys, refilled with one a second; what exceeds them gets a [*KeysError].
// That an issuer is unknown is remembered for 10 seconds.
//
// Subjects belong to their issuer: see [Multi].
type Dynamic struct {
	resolve    Resolver
	publicOnly bool

	mu        sync.Mutex                      // never held during a look-up
	tenants   *simplelru.LRU[string, *tenant] // those that have shown a valid token
	strangers *simplelru.LRU[string, *tenant] // all others

	lookUps, fetches *refresh.Budget // of strangers
	hints            *hints[tenant]
}

// NewDynamic returns the verifier of the tenants that config.Resolve knows, or an error
// that names the invalid field.
func NewDynamic(config DynamicConfig) (*Dynamic, error) {
	if config.Resolve == nil {
		return nil, errors.New("verifier: DynamicConfig.Resolve is required")
	}
	if config.Capacity == 0 {
		config.Capacity = defaultCapacity
	}
	if config.Capacity < 0 || config.Capacity > maxCapacity {
		return nil, fmt.Errorf("verifier: DynamicConfig.Capacity must be between 1 and %d", maxCapacity)
	}
	d := &Dynamic{
		resolve: config.Resolve, publicOnly: !config.AllowPrivateAddresses,
		lookUps: refresh.NewBudget(strangerBurst, strangerLookUps),
		fetches: refresh.NewBudget(strangerBurst, strangerKeysRefills),
		hints:   newHints[tenant](),
	}
	var err error
	if d.tenants, err = simplelru.NewLRU(config.Capacity, d.drop); err != nil {
		return nil, fmt.Errorf("verifier: %w", err)
	}
	if d.strangers, err = simplelru.NewLRU[string, *tenant](maxStrangers, nil); err != nil {
		return nil, fmt.Errorf("verifier: %w", err)
	}
	return d, nil
}

// Verify returns the claims of an access token from one of the tenants, as
// [Verifier.Verify] does for one issuer.
func (d *Dynamic) Verify(ctx context.Context, token string) (*Claims, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if t := d.hints.get(token); t != nil {
		if v := t.current(); v != nil {
			if claims, ok := v.recall(token); ok {
				return v.checkGrants(claims)
			}
		}
	}
	issuer, refusal := claimedIssuer(token)
	if refusal != nil {
		return nil, refusal
	}
	if d.resolve == nil || len(issuer) > maxIssuerBytes {
		return nil, anotherIssuer().because("its iss is too long to be looked up, or the Dynamic was not made by NewDynamic")
	}
	t, v, err := d.find(ctx, issuer)
	if err != nil {
		return nil, err
	}
	claims, err := v.Verify(ctx, token)
	if err == nil && d.admit(t, v) {
		d.hints.put(token, t)
	}
	return claims, err
}

// A tenant is an issuer that a token has named.
type tenant struct {
	issuer string
	source *refresh.Source[resolution]
	isGone atomic.Bool // from its Dynamic
}

// A resolution is what the Resolver said about an issuer.
type resolution struct {
	verifier *Verifier // nil: the issuer is unknown
	config   Config
}

// current returns the tenant's verifier if it may be used now.
func (t *tenant) current() *Verifier {
	if v := t.source.Current(); v != nil && !t.isGone.Load() {
		return v.Value.verifier
	}
	return nil
}

// find returns the tenant that an issuer belongs to, and its verifier. The error is an
// *AuthError, a *KeysError or ctx.Err().
func (d *Dynamic) find(ctx context.Context, issuer string) (*tenant, *Verifier, error) {
	for {
		t, err := d.tenant(issuer)
		if err != nil {
			return nil, nil, keysError(err, "issuers")
		}
		v, err := t.source.Find(ctx, refresh.Demand[resolution]{})
		switch {
		case t.isGone.Load() && ctx.Err() == nil:
			// Forgotten meanwhile: the answer may be older than that.
		case err != nil:
			return nil, nil, keysError(err, "issuers")
		case v.Value.verifier == nil:
			return nil, nil, anotherIssuer().because("the Resolver doesn't know its iss")
		default:
			return t, v.Value.verifier, nil
		}
	}
}

// tenant returns the tenant of an issuer, which may be a stranger. A new stranger pays for
// its look-up first, so that a flood can't push out those whose look-up is under way.
func (d *Dynamic) tenant(issuer string) (*tenant, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if t, ok := d.tenants.Get(issuer); ok {
		return t, nil
	}
	if t, ok := d.strangers.Get(issuer); ok {
		return t, nil
	}
	if wait := d.lookUps.Take(time.Now()); wait > 0 {
		return nil, &refresh.Unavailable{RetryAfter: wait, Err: refresh.ErrBudget}
	}
	t := &tenant{issuer: issuer}
	t.source = refresh.New(refresh.Config[resolution]{
		Timeout: resolveTimeout,
		Fetch: func(ctx context.Context, last *refresh.Version[resolution], _ refresh.Reason) (resolution, refresh.Life, error) {
			return d.lookUp(ctx, t, last)
		},
	})
	t.source.Limit(d.lookUps, 1)
	d.strangers.Add(issuer, t)
	return t, nil
}

// lookUp asks the Resolver. No error quotes the issuer that a token claims, unless a
// configuration has it, too.
func (d *Dynamic) lookUp(
	ctx context.Context, t *tenant, last *refresh.Version[resolution],
) (r resolution, life refresh.Life, err error) {
	config, err := d.resolve(ctx, t.issuer)
	if errors.Is(err, ErrUnknownIssuer) {
		return resolution{}, refresh.Life{TTL: unknownTTL, Lazy: true}, nil
	}
	life = refresh.Life{TTL: tenantTTL, MaxStale: tenantMaxStale}
	switch {
	case err != nil:
		return r, life, err
	case config.Issuer != t.issuer:
		return r, life, fmt.Errorf("issuer %q: Config.Issuer is not the one that was asked for", config.Issuer)
	}
	r.config = config.withDefaults() // a copy
	if last != nil && last.Value.verifier != nil && last.Value.config.equal(r.config) {
		r.verifier = last.Value.verifier
		return r, life, nil
	}
	if r.verifier, err = newVerifier(r.config, d.publicOnly); err != nil {
		return r, life, fmt.Errorf("issuer %q: %w", config.Issuer, err)
	}
	if !d.isTenant(t) {
		r.verifier.keys.source.Limit(d.fetches, 0)
		r.verifier.keys.isMuted.Store(true)
	}
	return r, life, nil
}

func (d *Dynamic) isTenant(t *tenant) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	held, ok := d.tenants.Peek(t.issuer)
	return ok && held == t
}

// admit makes a tenant of a stranger who has shown a valid token, and gives back what it
// has cost. It reports whether t is a tenant now: it isn't if it was pushed out or forgotten
// meanwhile.
func (d *Dynamic) admit(t *tenant, v *Verifier) bool {
	if v.keys.isMuted.CompareAndSwap(true, false) {
		v.keys.source.Unlimit()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if stranger, ok := d.strangers.Peek(t.issuer); ok && stranger == t {
		d.strangers.Remove(t.issuer)
		d.tenants.Add(t.issuer, t)
		t.source.Unlimit()
		return true
	}
	held, ok := d.tenants.Peek(t.issuer)
	return ok && held == t
}

// drop is told about each tenant that leaves.
func (d *Dynamic) drop(_ string, t *tenant) {
	t.isGone.Store(true)
	d.hints.drop(t)
}

// MaxTokenBytes returns how long a credential may be, in the view of an Authenticator: 64
// KiB, since each tenant has its own [Config].MaxTokenBytes.
func (d *Dynamic) MaxTokenBytes() int { return maxTokenBytes }

// Forget drops a tenant, so that the next token from its issuer looks it up. It's for a
// service that knows when a tenant was removed or changed.
func (d *Dynamic) Forget(issuer string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.resolve == nil {
		return
	}
	d.tenants.Remove(issuer)
	if t, ok := d.strangers.Peek(issuer); ok {
		t.isGone.Store(true)
		d.strangers.Remove(issuer)
	}
}

// Ready returns nil when no tenant is held yet, or when at least one that is held has keys
// that may be used. Otherwise it joins the errors that [Verifier.Ready] returned. It looks
// up no tenant.
func (d *Dynamic) Ready(ctx context.Context) error { return anyReady(ctx, d.held()) }

// Status returns the state of the keys of all tenants that are held, by issuer. It looks
// up no tenant.
func (d *Dynamic) Status() []Status {
	var all []Status
	for _, v := range d.held() {
		all = append(all, v.keys.status())
	}
	slices.SortFunc(all, func(a, b Status) int { return strings.Compare(a.Issuer, b.Issuer) })
	return all
}

// held returns the verifiers of all issuers that were looked up and are not unknown.
func (d *Dynamic) held() (verifiers []*Verifier) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.resolve == nil {
		return nil
	}
	for _, t := range slices.Concat(d.tenants.Values(), d.strangers.Values()) {
		if v := t.source.State().Version; v != nil && v.Value.verifier != nil {
			verifiers = append(verifiers, v.Value.verifier)
		}
	}
	return verifiers
}
