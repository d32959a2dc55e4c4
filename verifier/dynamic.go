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

	"github.com/oidcrpc/oidcrpc/internal/jws"
	"github.com/oidcrpc/oidcrpc/internal/refresh"
)

// ErrUnknownIssuer is what a [Resolver] returns for an unknown issuer, possibly wrapped.
var ErrUnknownIssuer = errors.New("unknown issuer")

// A Resolver returns the [Config] for a tenant's issuer. It is the allow list. The issuer comes
// from an unverified token, so compare it with the issuers you know and never fetch from it. A
// Resolver must return when ctx ends, after 3 seconds at the latest, and be safe for concurrent
// use.
//
// [ErrUnknownIssuer] refuses the token with [CodeInvalidIssuer]. Any other error means the tenant
// can't be looked up now, and becomes a [*KeysError]. So does a Config that is invalid or names
// another issuer.
type Resolver func(ctx context.Context, issuer string) (Config, error)

// A DynamicConfig configures a [Dynamic].
type DynamicConfig struct {
	// Resolve looks up an issuer's configuration. It is required.
	Resolve Resolver

	// Capacity is how many tenants are kept. The default is 1000 and the maximum a million. If
	// there are more, the least recently used are dropped and looked up again when needed. Each
	// tenant has its own [Verifier], whose memory is mostly remembered tokens: see
	// [Config].TokenCacheSize.
	Capacity int

	// AllowPrivateAddresses permits fetching metadata and keys from loopback, link-local and
	// private addresses, including cloud metadata services. They are blocked by default, because
	// a customer may choose a tenant's issuer. Each address is then checked when it is dialed, no
	// proxy is used, and fetches through an HTTPClient fail if its transport is not an
	// [*http.Transport].
	AllowPrivateAddresses bool
}

// How long a Resolver's answer is kept, and what issuers without a valid token can make us do.
const (
	tenantTTL      = 5 * time.Minute
	tenantMaxStale = time.Hour // after tenantTTL, while the Resolver returns errors
	resolveTimeout = 3 * time.Second
	unknownTTL     = 10 * time.Second // for an unknown issuer

	defaultCapacity = 1000
	maxCapacity     = 1_000_000
	maxStrangers    = 256
	maxIssuerBytes  = 2048

	strangerBurst       = 64
	strangerLookUps     = 100 * time.Millisecond // refill
	strangerKeysRefills = time.Second
)

// A Dynamic verifies tokens from issuers it looks up when a token first names them. Make one with
// [NewDynamic]. It is safe for concurrent use, and the zero Dynamic refuses every token.
//
// A tenant in use is looked up again within 5 minutes, so a removed tenant is accepted for up to
// 5 minutes unless you call [Dynamic.Forget]. While the Resolver returns errors, tenants are kept
// for another hour. A tenant keeps its keys if its new configuration equals the old one. OnFetch
// is not compared, and HTTPClient and Logger must be the same pointers, so a Resolver should
// reuse them. FetchJWKS isn't compared either: the next fetch calls the new one.
//
// Made-up tokens can't evict a tenant: an issuer becomes a tenant with its first valid token. All
// other issuers share a budget of 64 look-ups, refilled with 10 a second, and 64 key fetches,
// refilled with one a second. Beyond it, their tokens get a [*KeysError]. An unknown issuer is
// remembered for 10 seconds.
//
// Subjects are unique only within their issuer: see [Multi].
type Dynamic struct {
	resolve    Resolver
	publicOnly bool

	mu        sync.Mutex                      // never held during a look-up
	tenants   *simplelru.LRU[string, *tenant] // issuers with a valid token so far
	strangers *simplelru.LRU[string, *tenant] // all other issuers
	gone      []*tenant                       // they have just left d.tenants

	lookUps, fetches *refresh.Budget // shared by all strangers
	index            tokenIndex      // finds all tenants' remembered tokens
}

// NewDynamic returns a Dynamic, or an error that names the invalid field. It calls no Resolver
// and starts no goroutine.
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
		index:   newTokenIndex(),
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

// Verify checks an access token from any tenant and returns its claims. The errors are as for
// [Verifier.Verify]. A token from an unknown issuer is refused with [CodeInvalidIssuer].
func (d *Dynamic) Verify(ctx context.Context, token string) (*Claims, error) {
	return d.VerifyBound(ctx, token, bearerOnly)
}

// VerifyBound does what Verify does, and also accepts a bound token if prove returns nil: see
// [Verifier.VerifyBound].
func (d *Dynamic) VerifyBound(
	ctx context.Context, token string, prove func(Confirmation) error,
) (*Claims, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	claims, ok := recallAny(d.index, token)
	if !ok {
		var err error
		if claims, err = d.verify(ctx, token); err != nil {
			return nil, err
		}
	}
	return admit(claims, prove)
}

// verify finds the tenant for a new token, whose verifier checks all of it.
func (d *Dynamic) verify(ctx context.Context, raw string) (*Claims, error) {
	b := jws.NewBuffer()
	defer b.Release()
	parsed, refusal := parseToken(raw, maxTokenBytes, b)
	if refusal != nil {
		return nil, refusal
	}
	issuer, refusal := parsed.claimedIssuer()
	if refusal != nil {
		return nil, refusal
	}
	if d.resolve == nil || len(issuer) > maxIssuerBytes {
		return nil, anotherIssuer().because(
			"its iss is too long to be looked up, or the Dynamic was not made by NewDynamic")
	}
	t, v, err := d.find(ctx, issuer)
	if err != nil {
		return nil, err
	}
	claims, key, err := v.judgeLimited(ctx, raw, &parsed)
	if err != nil {
		return nil, err
	}
	if d.admit(t, v) {
		claims = v.remember(raw, claims, parsed.keyName(), key)
	}
	return claims, nil
}

// find returns the tenant for an issuer, and its verifier. The error is an *AuthError, a
// *KeysError or ctx.Err().
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

// tenant returns the tenant for an issuer, which may be a stranger. A new stranger pays for its
// look-up first, so a flood can't evict strangers whose look-up is in progress.
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
	t := &tenant{issuer: strings.Clone(issuer)} // it's part of a token
	t.source = refresh.New(refresh.Config[resolution]{
		Timeout: resolveTimeout,
		Fetch: func(
			ctx context.Context, last *refresh.Version[resolution], _ refresh.Reason,
		) (resolution, refresh.Life, error) {
			return d.lookUp(ctx, t, last)
		},
		Report: forgetReplaced,
	})
	t.source.Limit(d.lookUps, 1)
	d.strangers.Add(t.issuer, t)
	return t, nil
}

// lookUp calls the Resolver. Its errors quote an issuer only if a Config names it too.
func (d *Dynamic) lookUp(
	ctx context.Context, t *tenant, last *refresh.Version[resolution],
) (r resolution, life refresh.Life, err error) {
	config, err := d.resolve(ctx, t.issuer)
	if errors.Is(err, ErrUnknownIssuer) {
		return resolution{}, refresh.Life{TTL: unknownTTL, FreshFor: unknownTTL}, nil
	}
	life = refresh.Life{TTL: tenantTTL, MaxStale: tenantMaxStale}
	switch {
	case err != nil:
		return r, life, err
	case config.Issuer != t.issuer:
		return r, life, fmt.Errorf("issuer %q: Config.Issuer is not the one that was asked for", config.Issuer)
	}
	if last != nil && last.Value.verifier != nil && last.Value.verifier.config.equal(config.withDefaults()) {
		last.Value.verifier.keys.function.Store(&config.FetchJWKS)
		return last.Value, life, nil
	}
	v, err := newVerifier(config, d.publicOnly, d.index)
	if err != nil {
		return r, life, fmt.Errorf("issuer %q: %w", config.Issuer, err)
	}
	v.holder = t
	if !d.isTenant(t) {
		if config.JWKSFile == "" { // one look a second costs less than the budget is for
			v.keys.source.Limit(d.fetches, 0)
		}
		v.keys.isMuted.Store(true)
	}
	return resolution{v}, life, nil
}

// forgetReplaced drops the tokens that another configuration has accepted than the latest.
func forgetReplaced(e refresh.Event[resolution]) {
	if e.Previous == nil || e.Version == nil {
		return
	}
	if v := e.Previous.Value.verifier; v != nil && v != e.Version.Value.verifier {
		v.cache.Close()
	}
}

func (d *Dynamic) isTenant(t *tenant) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	held, ok := d.tenants.Peek(t.issuer)
	return ok && held == t
}

// admit turns a stranger with a valid token into a tenant, and refunds what it cost. It reports
// whether t is a tenant now, which it isn't if it was evicted or forgotten meanwhile. Only a tenant's
// tokens are remembered, so Forget reaches them all.
func (d *Dynamic) admit(t *tenant, v *Verifier) bool {
	if v.keys.isMuted.CompareAndSwap(true, false) {
		v.keys.source.Unlimit()
	}
	d.mu.Lock()
	defer d.unlock()
	if stranger, ok := d.strangers.Peek(t.issuer); ok && stranger == t {
		d.strangers.Remove(t.issuer)
		d.passOverUsed()
		d.tenants.Add(t.issuer, t)
		t.source.Unlimit()
		return true
	}
	held, ok := d.tenants.Peek(t.issuer)
	return ok && held == t
}

// maxPassed limits how many tenants are passed over at a time, so no call waits for many.
const maxPassed = 256

// passOverUsed has the next tenant to go be one that no remembered token has used lately.
func (d *Dynamic) passOverUsed() {
	for range maxPassed {
		issuer, t, ok := d.tenants.GetOldest()
		if !ok || !t.isUsed.Swap(false) {
			return
		}
		d.tenants.Get(issuer) // it's the latest now
	}
}

// drop is called for each tenant that leaves d.tenants. From now on its tokens aren't accepted.
func (d *Dynamic) drop(_ string, t *tenant) {
	t.isGone.Store(true)
	d.gone = append(d.gone, t)
}

// unlock also removes the tokens of tenants that have left, which takes too long for the mutex.
func (d *Dynamic) unlock() {
	gone := d.gone
	d.gone = nil
	d.mu.Unlock()
	for _, t := range gone {
		if v := t.source.State().Version; v != nil && v.Value.verifier != nil {
			v.Value.verifier.cache.Close()
		}
	}
}

// MaxTokenBytes returns 64 KiB, because each tenant has its own [Config].MaxTokenBytes. An
// interceptor.Authenticator uses it to limit credentials.
func (d *Dynamic) MaxTokenBytes() int { return maxTokenBytes }

// Forget drops a tenant, so its next token causes a new look-up. Call it when a tenant was
// removed or changed, or when one was added that may have been looked up before.
func (d *Dynamic) Forget(issuer string) {
	d.mu.Lock()
	defer d.unlock()
	if d.resolve == nil {
		return
	}
	d.tenants.Remove(issuer)
	if t, ok := d.strangers.Peek(issuer); ok {
		t.isGone.Store(true)
		d.strangers.Remove(issuer)
	}
}

// Ready returns nil if any loaded tenant's keys are available, fetching them if necessary, or if
// no tenant is loaded yet. Otherwise it joins the errors from [Verifier.Ready]. It looks up no
// tenant.
func (d *Dynamic) Ready(ctx context.Context) error { return anyReady(ctx, d.held()) }

// Status returns the state of each loaded tenant's keys, sorted by issuer. It looks up no tenant
// and fetches nothing.
func (d *Dynamic) Status() []Status {
	var all []Status
	for _, v := range d.held() {
		all = append(all, v.status())
	}
	slices.SortFunc(all, func(a, b Status) int { return strings.Compare(a.Issuer, b.Issuer) })
	return all
}

// held returns the verifiers for all issuers that were looked up and aren't unknown.
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
