package client_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/oauth2"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/interceptor/client"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// An endpoint issues numbered tokens, until it's told to fail.
type endpoint struct {
	life    time.Duration
	latency time.Duration

	mu    sync.Mutex
	err   error
	asked int
}

func (e *endpoint) fetch(ctx context.Context) (*oauth2.Token, error) {
	e.mu.Lock()
	e.asked++
	n, err := e.asked, e.err
	e.mu.Unlock()
	select {
	case <-time.After(e.latency):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	return &oauth2.Token{AccessToken: fmt.Sprint("token-", n), Expiry: time.Now().Add(e.life)}, nil
}

func (e *endpoint) fail(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.err = err
}

func (e *endpoint) requests() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.asked
}

func mustToken(t testing.TB, s *client.Source) string {
	t.Helper()
	token, err := s.Token(t.Context())
	if err != nil {
		t.Fatalf("Token: %v", err)
	}
	return token.AccessToken
}

func mustCredential(t testing.TB, s *client.Source) *client.Credential {
	t.Helper()
	c, err := s.Credential(t.Context())
	if err != nil {
		t.Fatalf("Credential: %v", err)
	}
	return c
}

func tokenErrorOf(err error) (*client.TokenError, bool) {
	return errors.AsType[*client.TokenError](err)
}

// refused returns a refusal for a token that is bad, as any server sends it.
func refused() *client.Refusal {
	return client.ReadRefusal(client.Response{
		Code:   interceptor.CodeUnauthenticated,
		Header: header("www-authenticate", `Bearer error="invalid_token"`),
	})
}

// header returns a field with the given values.
func header(name string, values ...string) func(string) []string {
	return func(asked string) []string {
		if asked == name {
			return values
		}
		return nil
	}
}
