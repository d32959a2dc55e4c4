package verifier

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/oidcrpc/oidcrpc/internal/jwks"
	"github.com/oidcrpc/oidcrpc/internal/jws"
	"github.com/oidcrpc/oidcrpc/internal/refresh"
)

// What tokens with unknown key IDs can make us fetch: a burst, then one fetch per refill.
// It's also how long they can hide a rotation.
const (
	unknownKidBurst  = 4
	unknownKidRefill = 10 * time.Second
)

// badSignatureRefill is how often a bad signature can make us fetch.
const badSignatureRefill = 30 * time.Second

// keys are the keys of one issuer. They're fetched by the life of the set at hand, and when
// a token names a key that isn't in it. Nothing else about a token can cause a fetch.
type keys struct {
	issuer  string
	from    string // where they're read
	source  *refresh.Source[*jwks.Document]
	unknown *refresh.Budget // nil: the keys are fixed
	absent  absentKeys

	badSignatures *refresh.Budget

	isMuted atomic.Bool // no line is logged
}

func newKeys(config Config, publicOnly bool) (*keys, error) {
	if config.JWKS != nil {
		set, err := jwks.ParseSet(config.JWKS, config.Issuer)
		if err != nil {
			return nil, err
		}
		fixed := refresh.Fixed(&jwks.Document{Set: set})
		return &keys{issuer: config.Issuer, source: fixed}, nil
	}
	absent, err := newAbsentKeys()
	if err != nil {
		return nil, err
	}
	k := &keys{
		issuer:  config.Issuer,
		unknown: refresh.NewBudget(unknownKidBurst, unknownKidRefill),
		absent:  absent,

		badSignatures: refresh.NewBudget(1, badSignatureRefill),
	}
	where := jwks.Config{
		Issuer:     config.Issuer,
		JWKSURL:    config.JWKSURL,
		HTTPClient: config.HTTPClient,
		AllowHTTP:  config.AllowHTTP,
		Timeout:    config.FetchTimeout,
		TTL:        config.KeysTTL,
		MaxStale:   max(config.KeysMaxStale, 0),
		PublicOnly: publicOnly,
	}
	issuer := jwks.NewIssuer(where)
	k.from = where.Source()
	k.source = refresh.New(refresh.Config[*jwks.Document]{
		Timeout: config.FetchTimeout,
		Fetch: func(ctx context.Context, previous *keysVersion, reason refresh.Reason) (*jwks.Document, refresh.Life, error) {
			var last *jwks.Document
			if previous != nil {
				last = previous.Value
			}
			// When a token says that the keys have changed, the answer should not depend on
			// whether a cache knows it.
			document, ttl, err := issuer.Read(ctx, last, reason == refresh.Refresh)
			return document, refresh.Life{TTL: ttl, MaxStale: max(config.KeysMaxStale, 0)}, err
		},
		Report: func(e refresh.Event[*jwks.Document]) { k.report(config, e) },
	})
	return k, nil
}

type keysVersion = refresh.Version[*jwks.Document]

// current returns the key set that may be used now, or nil. It never waits. Each use may
// start a refresh in the background.
func (k *keys) current() *jwks.Document {
	if v := k.source.Current(); v != nil {
		return v.Value
	}
	return nil
}

// lookFor returns a key set that can decide whether a key with this name exists: one that
// lists it, or one that was asked for after the call began. If the name has been shown to
// be absent, its tokens aren't always worth another fetch: see [absentKeys].
func (k *keys) lookFor(ctx context.Context, name jwks.Name, issuedAt time.Time) (*jwks.Document, error) {
	v, err := k.source.Find(ctx, refresh.Demand[*jwks.Document]{
		Enough: func(v *keysVersion) bool {
			return v.Value.Has(name) || k.absent.knows(name, v.Asked, issuedAt)
		},
		Budget: k.unknown,
		Reason: refresh.Reason(FetchUnknownKid),
	})
	if err != nil {
		return nil, k.error(ctx, err)
	}
	if !v.Value.Has(name) {
		k.absent.remember(name)
	}
	return v.Value, nil
}

// lookAgain returns the key that has taken the place of an old one under its name, or nil:
// some issuers keep the kid when they change the key. It has a budget of its own, so that
// forged signatures can't spend what a rotation needs. The error is ctx.Err().
func (k *keys) lookAgain(ctx context.Context, name jwks.Name, alg string, old *jws.Key) (*jws.Key, error) {
	if k.isFixed() {
		return nil, nil //nolint:nilnil // there is no other
	}
	another := func(v *keysVersion) *jws.Key {
		if key := v.Value.Key(name, alg); key != old {
			return key
		}
		return nil
	}
	v, err := k.source.Find(ctx, refresh.Demand[*jwks.Document]{
		Enough: func(v *keysVersion) bool { return another(v) != nil },
		Budget: k.badSignatures,
		Reason: refresh.Reason(FetchBadSignature),
	})
	if err != nil {
		return nil, ctx.Err() // an outage or a spent budget leave the signature bad
	}
	return another(v), nil
}

// holds reports whether key still stands under its name, as the same object, in a set that
// may be used now. It counts as a use of the keys, so it may start a refresh. It never waits.
func (k *keys) holds(name jwks.Name, key *jws.Key) bool {
	set := k.current()
	return set != nil && set.Holds(name, key)
}

func (k *keys) isFixed() bool { return k.unknown == nil }

// ready waits until there are keys that may be used.
func (k *keys) ready(ctx context.Context) error {
	if _, err := k.source.Find(ctx, refresh.Demand[*jwks.Document]{}); err != nil {
		return k.error(ctx, err)
	}
	return nil
}

// error says why there are no keys, or for what a call waited until its context ended.
func (k *keys) error(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return fmt.Errorf("%w while waiting for %s", ctx.Err(), k.from)
	}
	return keysError(err, "keys")
}

// status returns the state of the keys.
func (k *keys) status() Status {
	state := k.source.State()
	status := Status{
		Issuer:      k.issuer,
		Usable:      state.Usable,
		LastFailure: state.LastFailure,
		Failures:    state.Failures,
		NextRefresh: state.NextFetch,
	}
	if v := state.Version; v != nil {
		status.Keys = v.Value.Len()
		status.KeysSince = v.Value.Since
		status.LastSuccess = v.Fetched
	}
	if state.Err != nil {
		status.LastError = fetchError(state.Err).Error()
	}
	return status
}

// report tells the log and the observer about a fetch.
func (k *keys) report(config Config, e refresh.Event[*jwks.Document]) {
	event := FetchEvent{
		Issuer:   k.issuer,
		Reason:   FetchReason(e.Reason),
		Outcome:  FetchFailed,
		Duration: e.Duration,
		Failures: e.Failures,
	}
	switch document := e.Version; {
	case e.Err != nil:
		event.Err = fetchError(e.Err)
	default:
		event.Keys = document.Value.Len()
		event.Outcome = FetchUnchanged
		if e.Previous == nil || e.Previous.Value.Set != document.Value.Set {
			event.Outcome = FetchChanged
		}
		if doubt := document.Value.Doubt; doubt != nil {
			event.Warning = fetchError(doubt)
		}
	}
	if config.Logger != nil && !k.isMuted.Load() {
		logFetch(config.Logger, event)
	}
	if config.OnFetch != nil {
		config.OnFetch(event)
	}
}

// fetchError returns the *KeysError of a fetch that failed with err.
func fetchError(err error) error {
	return keysError(&refresh.Unavailable{Err: err}, "keys")
}

// keysError says in the terms of this package why there is no version of something.
func keysError(err error, what string) error {
	unavailable, ok := errors.AsType[*refresh.Unavailable](err)
	if !ok {
		return err // ctx.Err()
	}
	e := &KeysError{Code: CodeJWKSFetchFailed, RetryAfter: unavailable.RetryAfter, Err: unavailable.Err}
	failure, isFailure := errors.AsType[*jwks.Failure](unavailable.Err)
	switch {
	case errors.Is(err, refresh.ErrBudget):
		e.Err = fmt.Errorf("too many tokens of unknown %s", what)
	case errors.Is(err, refresh.ErrWaiting):
		e.Err = fmt.Errorf("too many calls wait for %s", what)
	case isFailure:
		e.Err = failure.Err
		if failure.Answered {
			e.Code = CodeJWKSError
		}
	case what == "keys":
		e.Code = CodeJWKSError
		e.Err = fmt.Errorf("fetch of keys: %w", unavailable.Err)
	}
	return e
}

// maxAbsentKeys bounds the memory that tokens with made-up keys can take.
const maxAbsentKeys = 256

// absentKeys remembers which keys tokens have named and no key set had. Such a key is looked
// for again
//
//   - not at all within one refill of a fetch that did not find it; longer would let an
//     attacker who guesses the next rotation's kid block it;
//   - once a minute, for tokens that were issued well before the latest fetch: a key that
//     has come into use since then can't have signed them, but an issuer may publish late;
//   - like any unknown key, for tokens that are newer.
type absentKeys struct {
	named *lru.Cache[jwks.Name, time.Time] // when a token last did
	old   *refresh.Budget                  // for tokens from before the latest fetch
}

// publishedLate is how long after its first token a key may appear in the key set.
const publishedLate = time.Minute

func newAbsentKeys() (absentKeys, error) {
	named, err := lru.New[jwks.Name, time.Time](maxAbsentKeys)
	return absentKeys{named: named, old: refresh.NewBudget(1, time.Minute)}, err
}

func (a absentKeys) remember(name jwks.Name) { a.named.Add(name.Clone(), time.Now()) }

// knows reports whether a key, which a set asked for at that time lacks, counts as absent
// without another fetch.
func (a absentKeys) knows(name jwks.Name, asked, issuedAt time.Time) bool {
	now := time.Now()
	named, ok := a.named.Get(name)
	if !ok {
		return false
	}
	if !refresh.HasCome(named.Add(unknownKidRefill), now) && !refresh.HasCome(asked.Add(unknownKidRefill), now) {
		a.remember(name)
		return true
	}
	isOld := !issuedAt.IsZero() && issuedAt.Add(publishedLate).Before(asked)
	return isOld && a.old.Take(now) > 0
}
