package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/revocation"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// A result is what was measured on one stack.
type result struct {
	alone, beside []time.Duration // unary calls, without streams and with them
	ended         []time.Duration // until all streams of a revoked user had ended
	messages      int64           // that were received
	before, after int             // goroutines
}

// patience is for what takes no time unless something is broken.
const patience = time.Minute

// measure does everything on one stack.
func measure(stack stack, s size) (result, error) {
	r := result{before: runtime.NumGoroutine()}
	w, err := newWorld(stack)
	if err != nil {
		return r, err
	}
	err = w.measure(&r, s)
	w.conn.close()
	if err != nil {
		return r, err
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if r.after = runtime.NumGoroutine(); r.after <= r.before {
			return r, nil
		}
		if time.Now().After(deadline) {
			return r, fmt.Errorf("%d goroutines are left of %d", r.after-r.before, r.after)
		}
	}
}

// A world is an issuer, a server, and its clients.
type world struct {
	issuer *verifiertest.Issuer
	list   *revocation.List
	hub    *hub
	conn   conn
	stack  stack
	open   map[int][]*stream // by user
	nextID int
}

func newWorld(stack stack) (*world, error) {
	w := &world{
		issuer: verifiertest.NewIssuer(verifiertest.WithAlgorithms("ES256")),
		hub:    newHub(), stack: stack, open: make(map[int][]*stream),
	}
	config := w.issuer.Config()
	config.TokenCacheSize = 100_000
	v, err := verifier.New(config)
	if err != nil {
		return nil, err
	}
	if w.list, err = revocation.New(revocation.Config{}); err != nil {
		return nil, err
	}
	auth, err := interceptor.New(v, interceptor.WithRevocations(w.list))
	if err != nil {
		return nil, err
	}
	w.conn, err = stack.start(auth, w.hub)
	return w, err
}

func (w *world) measure(r *result, s size) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	caller := w.token(-1)
	for range s.revocations { // to warm up
		if err := w.conn.greet(ctx, caller); err != nil {
			return err
		}
	}
	for range s.revocations {
		if err := w.timeCall(ctx, caller, &r.alone); err != nil {
			return err
		}
	}
	for user := range s.users {
		w.openStreams(ctx, user, s.streams)
	}
	if err := w.hub.await(s.users * s.streams); err != nil {
		return err
	}
	sending, stop := context.WithCancel(ctx)
	sent := make(chan struct{})
	go func() {
		w.hub.send(sending, s.rate)
		close(sent)
	}()
	defer stop()
	for n := range s.revocations {
		time.Sleep(s.pause)
		if err := w.timeCall(ctx, caller, &r.beside); err != nil {
			return err
		}
		took, err := w.revoke(ctx, n)
		if err != nil {
			return err
		}
		r.ended = append(r.ended, took)
		w.openStreams(ctx, s.users+n, s.streams) // another user comes
		if err := w.hub.await(s.users * s.streams); err != nil {
			return err
		}
	}
	stop()
	<-sent
	for _, id := range w.hub.ids() {
		w.hub.sendOne(id) // at least one for each
	}
	messages, err := w.checkMessages()
	r.messages += messages
	return err
}

func (w *world) timeCall(ctx context.Context, token string, durations *[]time.Duration) error {
	begun := time.Now()
	err := w.conn.greet(ctx, token)
	*durations = append(*durations, time.Since(begun))
	return err
}

// token returns one for a new session of a user.
func (w *world) token(user int) string {
	w.nextID++
	return w.issuer.Token(map[string]any{
		"sub": fmt.Sprint("user-", user),
		"jti": fmt.Sprint("token-", w.nextID),
		"sid": fmt.Sprint("session-", w.nextID),
		"exp": time.Now().Add(time.Hour).Unix(),
	})
}

func (w *world) openStreams(ctx context.Context, user, n int) {
	for range n {
		token := w.token(user)
		w.open[user] = append(w.open[user], openStream(ctx, w.conn, token, w.nextID))
	}
}

// revoke revokes a user, and returns how long it took until their last stream had ended.
func (w *world) revoke(ctx context.Context, user int) (time.Duration, error) {
	begun := time.Now()
	event := revocation.Event{Issuer: w.issuer.URL(), Subject: fmt.Sprint("user-", user)}
	if err := w.list.Revoke(ctx, event); err != nil {
		return 0, err
	}
	var last time.Time
	for _, s := range w.open[user] {
		select {
		case <-s.done:
		case <-time.After(patience):
			return 0, errors.New("a revoked user's stream goes on")
		}
		if reason := w.stack.reasonOf(s.err); reason != "TOKEN_REVOKED" {
			return 0, fmt.Errorf("a revoked user's stream ended with %q: %w", reason, s.err)
		}
		if s.ended.After(last) {
			last = s.ended
		}
	}
	err := w.conn.greet(ctx, w.open[user][0].token)
	if reason := w.stack.reasonOf(err); reason != "TOKEN_REVOKED" {
		return 0, fmt.Errorf("a revoked user's call ended with %q: %w", reason, err)
	}
	delete(w.open, user)
	return last.Sub(begun), nil
}

// checkMessages returns how many messages the open streams have received. None may be missing, and
// no stream may have ended.
func (w *world) checkMessages() (messages int64, err error) {
	for _, streams := range w.open {
		for _, s := range streams {
			want := w.hub.sentTo(s.id)
			for deadline := time.Now().Add(patience); s.received.Load() != want; time.Sleep(time.Millisecond) {
				if time.Now().After(deadline) {
					return 0, fmt.Errorf("a stream has received %d messages, want %d", s.received.Load(), want)
				}
			}
			select {
			case <-s.done:
				return 0, fmt.Errorf("a stream has ended: %w", s.err)
			default:
			}
			messages += want
		}
	}
	return messages, nil
}
