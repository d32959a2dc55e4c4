package verifier

import (
	"context"
	"errors"
	"fmt"
	"strings"
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

// keys are the keys of one issuer. They're fetched by the life of the set at hand, and when
// a token names a key that isn't in it. Nothing else about a token can cause a fetch.
type keys struct {
	issuer  string
	source  *refresh.Source[*jwks.Document]
	unknown *refresh.Budget
	absent  absentKids
	isMuted atomic.Bool // no line is logged
}

func newKeys(config Config) (*keys, error) {
	if config.JWKS != nil {
		set, err := jwks.ParseSet(config.JWKS)
		if err != nil {
			return nil, err
		}
		fixed := refresh.Fixed(&jwks.Document{Set: set})
		return &keys{issuer: config.Issuer, source: fixed}, nil
	}
	absent, err := newAbsentKids()
	if err != nil {
		return nil, err
	}
	k := &keys{
		issuer:  config.Issuer,
		unknown: refresh.NewBudget(unknownKidBurst, unknownKidRefill),
		absent:  absent,
	}
	issuer := jwks.NewIssuer(jwks.Config{
		Issuer:     config.Issuer,
		JWKSURL:    config.JWKSURL,
		HTTPClient: config.HTTPClient,
		AllowHTTP:  config.AllowHTTP,
		Timeout:    config.FetchTimeout,
		TTL:        config.KeysTTL,
		MaxStale:   max(config.KeysMaxStale, 0),
	})
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

// find returns the issuer's key for a token's kid and alg. The error is an *AuthError, a
// *KeysError or ctx.Err().
func (k *keys) find(ctx context.Context, kid, alg string) (*jws.Key, error) {
	v := k.source.Current()
	if v == nil || !v.Value.Has(kid) {
		var err error
		if v, err = k.lookFor(ctx, kid); err != nil {
			return nil, err
		}
	}
	if key := v.Value.Key(kid, alg); key != nil {
		return key, nil
	}
	return nil, refuse(CodeKeyNotFound, "the issuer has no key for this token")
}

// lookFor returns a version of the key set that can decide about kid: one that lists it, or
// one that was asked for after the call began. If the kid has been shown to be absent just
// now, its tokens aren't worth another fetch.
func (k *keys) lookFor(ctx context.Context, kid string) (*keysVersion, error) {
	isEnough := func(v *keysVersion) bool {
		return v.IsFixed() || v.Value.Has(kid) || k.absent.knows(kid, v.Asked)
	}
	v, err := k.source.Find(ctx, refresh.Demand[*jwks.Document]{
		Enough: isEnough,
		Budget: k.unknown,
		Reason: refresh.Reason(FetchUnknownKid),
	})
	if err != nil {
		return nil, keysError(err, "keys")
	}
	if !v.IsFixed() && !v.Value.Has(kid) {
		k.absent.remember(kid)
	}
	return v, nil
}

// holds reports whether key still stands under kid, as the same object, in a set that may
// be used now. It counts as a use of the keys, so it may start a refresh. It never waits.
func (k *keys) holds(kid string, key *jws.Key) bool {
	v := k.source.Current()
	return v != nil && v.Value.Holds(kid, key)
}

// ready waits until there are keys that may be used.
func (k *keys) ready(ctx context.Context) error {
	if _, err := k.source.Find(ctx, refresh.Demand[*jwks.Document]{}); err != nil {
		return keysError(err, "keys")
	}
	return nil
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

// maxAbsentKids bounds the memory that tokens with made-up keys can take.
const maxAbsentKids = 256

// absentKids remembers when a token last named a kid that no key has. Within one refill of
// a fetch that didn't find it, the kid is refused without another fetch; longer would let
// an attacker block the next rotation's kid.
type absentKids struct {
	named *lru.Cache[string, time.Time]
}

func newAbsentKids() (absentKids, error) {
	named, err := lru.New[string, time.Time](maxAbsentKids)
	return absentKids{named}, err
}

// remember keeps a copy of kid, which may be part of something large.
func (a absentKids) remember(kid string) { a.named.Add(strings.Clone(kid), time.Now()) }

// knows reports whether kid, which a set asked for at that time lacks, counts as absent
// without another fetch.
func (a absentKids) knows(kid string, asked time.Time) bool {
	now := time.Now()
	named, ok := a.named.Get(kid)
	return ok && !refresh.HasCome(named.Add(unknownKidRefill), now) && !refresh.HasCome(asked.Add(unknownKidRefill), now)
}
