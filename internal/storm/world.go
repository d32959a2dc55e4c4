package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

const (
	tokenLife = 2 * time.Second
	skew      = 2 * time.Second
	away      = 30 * time.Second // of each minute
)

// The world is an issuer and the servers that believe it.
type world struct {
	issuer *verifiertest.Issuer
	auth   *interceptor.Authenticator

	away    atomic.Bool
	outages atomic.Int64 // begun and ended: even while the issuer is there
	rotated atomic.Int64 // when, in nanoseconds since the epoch
}

func newWorld() (*world, error) {
	w := &world{issuer: verifiertest.NewIssuer()}
	config := w.issuer.Config()
	config.Leeway = -1 // none
	v, err := verifier.New(config)
	if err != nil {
		return nil, err
	}
	w.auth, err = interceptor.New(v)
	return w, err
}

func (w *world) rotate(ctx context.Context, every time.Duration) {
	for tick(ctx, every) {
		w.issuer.Rotate()
		w.rotated.Store(time.Now().UnixNano())
	}
}

// comeAndGo takes the issuer and its token endpoint away for the second half of each minute.
func (w *world) comeAndGo(ctx context.Context) {
	for tick(ctx, time.Minute-away) {
		w.away.Store(true)
		w.outages.Add(1)
		w.issuer.Fail(errors.New("away"))
		tick(ctx, away)
		w.issuer.Fail(nil)
		w.away.Store(false)
		w.outages.Add(1)
	}
}

func tick(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// An endpoint issues tokens to one client. It says that they live for up to two seconds more or
// less than they do, as if the clocks differed, but for a second at least: package oauth2 takes 0
// for no expiry.
type endpoint struct {
	server   *httptest.Server
	world    *world
	audience string

	issued atomic.Int64
	excess atomic.Int64 // issued though the one before would have done

	mu   sync.Mutex
	last time.Time     // when the latest was issued
	said time.Duration // how long it was said to live
}

func newEndpoint(w *world, audience string) *endpoint {
	e := &endpoint{world: w, audience: audience}
	e.server = httptest.NewServer(e)
	return e
}

func (e *endpoint) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	if e.world.away.Load() {
		http.Error(w, "away", http.StatusServiceUnavailable)
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	e.issued.Add(1)
	isOld := now.Sub(e.last) > min(e.said/2, tokenLife/2)
	isWithdrawn := e.world.rotated.Load() > e.last.UnixNano()
	if !isOld && !isWithdrawn {
		e.excess.Add(1)
	}
	e.last, e.said = now, max(time.Second, tokenLife+time.Duration(rand.IntN(5)-2)*skew/2)
	token := e.world.issuer.Token(map[string]any{
		"aud": e.audience, "exp": now.Add(tokenLife), "jti": fmt.Sprint(e.issued.Load()),
	})
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"access_token":%q,"token_type":"Bearer","expires_in":%d}`, token, int(e.said/time.Second))
}
