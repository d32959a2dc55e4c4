package verifier

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/oidcrpc/oidcrpc/internal/jwks"
	"github.com/oidcrpc/oidcrpc/internal/jws"
	"github.com/oidcrpc/oidcrpc/internal/refresh"
)

// badSignatureRefill is how often a bad signature can cause a fetch.
const badSignatureRefill = 30 * time.Second

// keys holds one issuer's keys. They are fetched when there are none, when they are due, and when
// a token names a missing key or has a bad signature. Nothing else about a token can cause a
// fetch.
type keys struct {
	issuer  string
	from    string // where they come from, for errors
	source  *refresh.Source[*jwks.Document]
	unknown *refresh.Budget // nil if the keys are fixed
	absent  absentKeys

	badSignatures *refresh.Budget

	function atomic.Pointer[func(context.Context) ([]byte, error)] // Config.FetchJWKS, the latest

	isMuted atomic.Bool // nothing is logged
	logger  *slog.Logger
	onFetch func(FetchEvent) // Config.OnFetch

	fetches, failed atomic.Uint64
	isOut           atomic.Bool // calls have failed for want of keys, since the last good fetch
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
	k := &keys{
		issuer:  config.Issuer,
		unknown: refresh.NewBudget(unknownKidBurst, unknownKidRefill),
		absent:  absentKeys{old: refresh.NewBudget(1, time.Minute)},
		logger:  config.Logger,
		onFetch: config.OnFetch,

		badSignatures: refresh.NewBudget(1, badSignatureRefill),
	}
	where := jwks.Config{
		Issuer:     config.Issuer,
		JWKSURL:    config.JWKSURL,
		JWKSFile:   config.JWKSFile,
		HTTPClient: config.HTTPClient,
		AllowHTTP:  config.AllowHTTP,
		Timeout:    config.FetchTimeout,
		TTL:        config.KeysTTL,
		MaxStale:   max(config.KeysMaxStale, 0),
		PublicOnly: publicOnly,
	}
	if config.FetchJWKS != nil {
		k.function.Store(&config.FetchJWKS)
		where.FetchJWKS = func(ctx context.Context) ([]byte, error) { return (*k.function.Load())(ctx) }
	}
	source := jwks.NewSource(where)
	k.from = source.String()
	fetching := refresh.Config[*jwks.Document]{
		Timeout: config.FetchTimeout,
		Fetch:   jwks.Fetch(source),
		Report:  k.report,
	}
	if config.JWKSFile != "" {
		fetching.MaxBackoff = jwks.LookEvery // a look costs little
	}
	k.source = refresh.New(fetching)
	return k, nil
}

type keysVersion = refresh.Version[*jwks.Document]

// current returns the key set to use now, or nil. It never waits, and may start a background
// refresh.
func (k *keys) current() *jwks.Document {
	if v := k.source.Current(); v != nil {
		return v.Value
	}
	return nil
}

// lookFor returns a key set that can decide whether this key exists. Either the set lists the
// key, or it was requested after the call began. A key known to be absent isn't always worth
// another fetch: see [absentKeys].
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

// lookAgain returns the key that replaced old under the same name, or nil, since some issuers
// change a key and keep its kid. It has a separate budget, so forged signatures can't spend what
// a rotation needs. The error is ctx.Err().
func (k *keys) lookAgain(ctx context.Context, name jwks.Name, alg string, old *jws.Key) (*jws.Key, error) {
	if k.isFixed() {
		return nil, nil //nolint:nilnil // there is no other key
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
		return nil, ctx.Err() // in an outage or without budget, the signature stays bad
	}
	return another(v), nil
}

func (k *keys) isFixed() bool { return k.unknown == nil }

// ready waits until usable keys are available.
func (k *keys) ready(ctx context.Context) error {
	if _, err := k.source.Find(ctx, refresh.Demand[*jwks.Document]{}); err != nil {
		return k.error(ctx, err)
	}
	return nil
}

// error explains why there are no keys. If ctx ended, the error also says what the call waited
// for.
func (k *keys) error(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return fmt.Errorf("%w while waiting for %s", ctx.Err(), k.from)
	}
	err = keysError(err, "keys")
	k.logOut(err)
	return err
}

// logOut logs the first call that fails for want of keys. An unknown key ID isn't enough: other
// calls go on then.
func (k *keys) logOut(err error) {
	if k.logger == nil || k.isMuted.Load() || k.isOut.Load() || k.source.State().Usable {
		return
	}
	if k.isOut.CompareAndSwap(false, true) {
		k.logger.Error("issuer keys unavailable: calls fail", "issuer", k.issuer, "error", err)
	}
}

// status describes the keys at this moment.
func (k *keys) status() Status {
	state := k.source.State()
	status := Status{
		Issuer:      k.issuer,
		Usable:      state.Usable,
		LastFailure: state.LastFailure,
		Failures:    state.Failures,
		NextRefresh: state.NextFetch,

		Fetches:       k.fetches.Load(),
		FailedFetches: k.failed.Load(),
	}
	if v := state.Version; v != nil {
		status.Keys = v.Value.Len()
		status.UsableKeys = v.Value.Usable()
		status.KeysSince = v.Value.Since
		status.LastSuccess = v.Fetched
		status.KeysUntil = v.UsableUntil()
	}
	if state.Err != nil {
		status.LastError = fetchError(state.Err).Error()
	}
	return status
}

// report passes a fetch on to the log and to OnFetch. A look at an unchanged file is none.
func (k *keys) report(e refresh.Event[*jwks.Document]) {
	if e.Err == nil && e.Failures == 0 && e.Previous != nil && e.Previous.Value == e.Version.Value {
		return
	}
	k.fetches.Add(1)
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
		k.failed.Add(1)
	default:
		k.isOut.Store(false)
		event.Keys = document.Value.Len()
		event.UsableKeys = document.Value.Usable()
		event.Outcome = FetchUnchanged
		if e.Previous == nil || e.Previous.Value.Set != document.Value.Set {
			event.Outcome = FetchChanged
		}
		if doubt := document.Value.Doubt; doubt != nil {
			event.Warning = fetchError(doubt)
		}
	}
	if k.logger != nil && !k.isMuted.Load() {
		logFetch(k.logger, event)
	}
	if k.onFetch != nil {
		k.onFetch(event)
	}
}

// fetchError returns the *KeysError for a fetch that failed with err.
func fetchError(err error) error {
	return keysError(&refresh.Unavailable{Err: err}, "keys")
}

// keysError converts err, from a Source for keys or issuers, to this package's errors.
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
	case errors.Is(err, refresh.ErrSlow):
		e.Err = fmt.Errorf("the %s did not come in time", what)
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
