package revocation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
)

// A List holds what is revoked. Make one with [New] and keep it for the life of the process. It's
// safe for concurrent use and has nothing to close, and its zero value refuses every token.
type List struct {
	config    Config
	freshness freshness
	held      *held

	mu       sync.Mutex // guards held, except for its filter, and what follows
	watchers *watchers
	isFull   bool
	dropped  int // revocations that found no room

	reception reception
}

// New returns a List, or an error that names the invalid field. It starts no goroutine and doesn't
// ask the bus: see [List.Run].
func New(config Config) (*List, error) {
	config = config.withDefaults()
	if err := config.validate(); err != nil {
		return nil, fmt.Errorf("revocation: %w", err)
	}
	return &List{
		config:    config,
		freshness: freshness{maxStaleness: config.MaxStaleness, refuse: config.Stale == Refuse},
		held:      newHeld(config.MaxEntries),
		watchers:  newWatchers(),
	}, nil
}

// ErrFull means that a list holds [Config].MaxEntries, so a revocation wasn't kept. Open streams
// have ended, but new calls are admitted.
var ErrFull = errors.New("revocation: the list is full: Config.MaxEntries limits it")

// Revoke refuses the event's tokens from now on, ends their open streams, and tells the bus. It may
// be repeated, and should be after an error.
//
// An error means that the revocation may not be kept, or may not be known everywhere: it's
// [ErrFull], the bus's error, or both. The rest was done. Any other error says why the event is
// invalid, and nothing was done. ctx limits the bus alone.
func (l *List) Revoke(ctx context.Context, e Event) error {
	if l.held == nil {
		return errors.New("revocation: the List was not made by New")
	}
	now := time.Now()
	if e.IssuedBefore.IsZero() {
		e.IssuedBefore = now
	}
	if err := e.validate(now, maxAhead); err != nil {
		return fmt.Errorf("revocation: %w", err)
	}
	var full error
	if !l.apply(e, now, now) {
		full = ErrFull
	}
	if err := l.publish(ctx, e, now); err != nil {
		return errors.Join(full, err)
	}
	return full
}

// apply revokes at once what a valid event names. It returns false if that can't be kept.
func (l *List) apply(e Event, at, now time.Time) bool {
	expires := at
	if e.IssuedBefore.After(at) {
		expires = e.IssuedBefore
	}
	expires = expires.Add(l.config.Keep + keepLonger)
	if !now.Before(expires) {
		return true
	}
	isKept := true
	for _, revoked := range e.entries() {
		revoked.expires = expires.Unix()
		isKept = l.enter(revoked, now) && isKept
	}
	return isKept
}

// keepLonger is more than what leeway and clocks that differ add to a token's life.
const keepLonger = 2 * maxAhead

// enter adds an entry and ends its streams. They are found with the lock, and ended without: a
// stream that ends comes back to be removed.
func (l *List) enter(revoked entry, now time.Time) (isKept bool) {
	l.mu.Lock()
	wasFull := l.isFull
	l.held.prune(now)
	if isKept = l.held.add(revoked); !isKept {
		l.dropped++
	}
	l.isFull = !isKept || wasFull && l.held.isFull()
	isFull := l.isFull
	ends := l.watchers.take(&revoked)
	l.mu.Unlock()
	if logger := l.config.Logger; logger != nil && isFull != wasFull {
		logRoom(logger, isFull, l.config.MaxEntries)
	}
	for _, end := range ends {
		end(revoked.refusal())
	}
	return isKept
}

func logRoom(logger *slog.Logger, isFull bool, maxEntries int) {
	if isFull {
		logger.Error("revocation list full: a revocation was not kept", "entries", maxEntries)
	} else {
		logger.Info("revocation list has room again")
	}
}

func (l *List) publish(ctx context.Context, e Event, at time.Time) error {
	if l.config.Bus == nil {
		return nil
	}
	data, err := encode(e, at)
	if err == nil {
		err = l.config.Bus.Publish(ctx, data)
	}
	if err != nil {
		return fmt.Errorf("revocation: other replicas may not know: %w", err)
	}
	return nil
}

// Check returns nil unless the token with these claims is refused. The error is an
// [*verifier.AuthError] with [verifier.CodeTokenRevoked] if it was revoked, or with
// [verifier.CodeInvalidToken] if it lives longer than [Config].Keep, and a [*verifier.KeysError]
// if the list is stale and [Config].Stale is Refuse. Nil or zero claims are refused.
//
// It takes no lock unless the token is likely to be revoked, and allocates nothing. The interceptor
// calls it: see interceptor.WithRevocations.
func (l *List) Check(claims *verifier.Claims) error {
	if refusal := l.checkKept(claims); refusal != nil {
		return refusal
	}
	if l.held.mayRevoke(claims) {
		if refusal := l.find(claims); refusal != nil {
			return refusal
		}
	}
	return l.freshness.check()
}

// checkKept refuses a token that may outlive its revocation.
func (l *List) checkKept(claims *verifier.Claims) *verifier.AuthError {
	switch {
	case l.held == nil:
		return refuse(verifier.CodeInvalidToken, "the token is not accepted", "the revocation.List was not made by New")
	case claims.IsZero():
		return refuse(verifier.CodeInvalidToken, "the token is not accepted", "there are no claims")
	}
	expiry, issuedAt := claims.Expiry(), claims.IssuedAt()
	if expiry.IsZero() {
		return nil
	}
	if issuedAt.IsZero() {
		issuedAt = time.Now()
	}
	if expiry.Unix()-issuedAt.Unix() > int64(l.config.Keep/time.Second) { // faster than Sub
		return refuse(verifier.CodeInvalidToken, "the token lives too long", fmt.Sprintf(
			"exp is more than revocation.Config.Keep, %v, after iat, or after now if there's no iat", l.config.Keep))
	}
	return nil
}

// find looks again, with the lock.
func (l *List) find(claims *verifier.Claims) *verifier.AuthError {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.held.prune(now)
	if e := l.held.find(claims, now); e != nil {
		return e.refusal()
	}
	return nil
}

// Watch checks claims as [List.Check] does, and has revoked called once if their token is revoked
// later. No revocation falls between the two. Call stop when the stream is over. It takes the same
// time however many streams are watched, may be called more than once, and doesn't wait: revoked
// may still be running. With an error there's nothing to stop.
//
// Revoked is called by [List.Revoke] or [List.Run], which wait for it, so it should return soon.
// The interceptor calls Watch for every stream with a token.
func (l *List) Watch(claims *verifier.Claims, revoked func(*verifier.AuthError)) (stop func(), err error) {
	if refusal := l.checkKept(claims); refusal != nil {
		return nil, refusal
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if e := l.held.find(claims, time.Now()); e != nil {
		return nil, e.refusal()
	}
	if err := l.freshness.check(); err != nil {
		return nil, err
	}
	w := l.watchers.add(claims, revoked)
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.watchers.remove(w)
	}, nil
}

func refuse(code verifier.Code, message, cause string) *verifier.AuthError {
	return &verifier.AuthError{Code: code, Message: message, Err: errors.New(cause)}
}

// refusal says why a token with the entry's key is refused. The cause holds no claim value.
func (e *entry) refusal() *verifier.AuthError {
	const message = "the token was revoked"
	before := time.Unix(e.issuedBefore, 0).UTC().Format(time.RFC3339)
	switch e.kind {
	case byToken:
		return refuse(verifier.CodeTokenRevoked, message, "its jti was revoked")
	case bySession:
		return refuse(verifier.CodeTokenRevoked, message, "its session, sid, was revoked")
	case bySubjectWithoutSession:
		return refuse(verifier.CodeTokenRevoked, message,
			"it has no sid, and a session of its sub was revoked, with what was issued up to "+before)
	case bySubject:
		return refuse(verifier.CodeTokenRevoked, message, "its sub was revoked, with what was issued up to "+before)
	default:
		return refuse(verifier.CodeTokenRevoked, message, "its client was revoked, with what was issued up to "+before)
	}
}
