package feed_test

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/revocation"
	"github.com/oidcrpc/oidcrpc/verifier/revocation/feed"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

const otherIssuer = "https://other.test"

func newList(tb testing.TB, config revocation.Config) *revocation.List {
	tb.Helper()
	list, err := revocation.New(config)
	if err != nil {
		tb.Fatal(err)
	}
	return list
}

// offline is the configuration of a verifier that has the issuer's keys.
func offline(issuer *verifiertest.Issuer) verifier.Config {
	config := issuer.Config()
	config.JWKS, config.HTTPClient = issuer.JWKS(), nil
	return config
}

// A caller is a token's claims that matter to a list.
type caller struct{ issuer, subject, session, id string }

// callers are Alice in two sessions and in none, Bob, and another issuer's Alice.
func callers(issuer *verifiertest.Issuer) map[string]caller {
	return map[string]caller{
		"alice in s1":   {issuer.URL(), "alice", "s1", "t1"},
		"alice in s2":   {issuer.URL(), "alice", "s2", "t2"},
		"alice":         {issuer.URL(), "alice", "", "t3"},
		"bob in s3":     {issuer.URL(), "bob", "s3", "t4"},
		"another alice": {otherIssuer, "alice", "s1", "t1"},
	}
}

// isRevoked reports whether the list refuses a token issued at that time.
func (c caller) isRevoked(tb testing.TB, list *revocation.List, issued time.Time) bool {
	tb.Helper()
	claims := map[string]any{
		"iss": c.issuer, "sub": c.subject, "jti": c.id,
		"iat": issued.Unix(), "exp": time.Now().Add(time.Hour).Unix(),
	}
	if c.session != "" {
		claims["sid"] = c.session
	}
	err := list.Check(verifiertest.Claims(claims))
	if code := verifier.CodeOf(err); err != nil && code != verifier.CodeTokenRevoked {
		tb.Fatalf("Check: %v", err)
	}
	return err != nil
}

// ended returns who of the callers is revoked, of tokens issued a minute ago.
func ended(tb testing.TB, list *revocation.List, issuer *verifiertest.Issuer) map[string]bool {
	tb.Helper()
	all := make(map[string]bool)
	for name, c := range callers(issuer) {
		if c.isRevoked(tb, list, time.Now().Add(-time.Minute)) {
			all[name] = true
		}
	}
	return all
}

func set(names ...string) map[string]bool {
	all := make(map[string]bool)
	for _, name := range names {
		all[name] = true
	}
	return all
}

// nothingChanged wants an empty list.
func nothingChanged(tb testing.TB, list *revocation.List) {
	tb.Helper()
	if n := list.Status().Entries; n != 0 {
		tb.Errorf("the list has %d revocations, want none", n)
	}
}

func with(claims, changes map[string]any) map[string]any {
	all := maps.Clone(claims)
	maps.Copy(all, changes)
	return all
}

// send posts a body to a handler.
func send(h http.Handler, contentType, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// A testBus keeps nothing. It can be down, and it can take its time.
type testBus struct {
	mu   sync.Mutex
	down bool
	held chan struct{} // Publish waits for it, if set
	busy chan struct{} // gets a value when Publish waits
}

func (b *testBus) setDown(down bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.down = down
}

func (b *testBus) Publish(ctx context.Context, _ []byte) error {
	b.mu.Lock()
	down, held := b.down, b.held
	b.mu.Unlock()
	if held != nil {
		b.busy <- struct{}{}
		select {
		case <-held:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if down {
		return errors.New("the bus is down")
	}
	return nil
}

func (b *testBus) Receive(ctx context.Context, _ func([][]byte)) error {
	<-ctx.Done()
	return ctx.Err()
}

// A journal collects reports.
type journal struct {
	mu      sync.Mutex
	reports []feed.Report
}

func (j *journal) add(r feed.Report) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.reports = append(j.reports, r)
}

// last returns the latest report.
func (j *journal) last() (r feed.Report) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.reports) > 0 {
		r = j.reports[len(j.reports)-1]
	}
	return r
}

func canceled(tb testing.TB) context.Context {
	tb.Helper()
	ctx, cancel := context.WithCancel(tb.Context())
	cancel()
	return ctx
}
