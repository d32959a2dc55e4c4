package introspection_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/introspection"
	"github.com/oidcrpc/oidcrpc/verifier/revocation"
)

func TestATokenThatEndsBeforeItsTimeIsRevoked(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		issued  map[string]any
		end     func(*server)
		revoked bool
	}{
		"it was revoked":              {map[string]any{"jti": "j"}, func(s *server) { s.revoke("token") }, true},
		"it was revoked, without exp": {map[string]any{"jti": "j", "exp": nil}, func(s *server) { s.revoke("token") }, true},
		"it goes on":                  {map[string]any{"jti": "j"}, func(*server) {}, false},
		"it has no jti":               {nil, func(s *server) { s.revoke("token") }, false},
		"it has expired": {
			map[string]any{"jti": "j", "exp": bubbleStart.Add(90 * time.Second).Unix()},
			func(s *server) { s.revoke("token") }, false,
		},
		"it's for others now": {
			map[string]any{"jti": "j"}, func(s *server) { s.issue("token", map[string]any{"jti": "j", "aud": "x"}) }, false,
		},
		"the server is down": {map[string]any{"jti": "j"}, func(s *server) { s.suffer(status(http.StatusBadGateway)) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				list, err := revocation.New(revocation.Config{Keep: 366 * 24 * time.Hour})
				if err != nil {
					t.Fatal(err)
				}
				s := newServer()
				v := s.verifier(t, func(c *introspection.Config) { c.Revocations, c.AllowNoExpiry = list, true })
				claims := accept(t, v, s.issue("token", test.issued))
				test.end(s)
				time.Sleep(3 * time.Minute) // the answer is over
				_ = verify(t, v, "token")
				synctest.Wait()
				if got := list.Check(claims) != nil; got != test.revoked {
					t.Errorf("revoked = %v, want %v", got, test.revoked)
				}
			})
		})
	}
}

// bubbleStart is when time begins in a synctest bubble.
var bubbleStart = time.Date(2000, time.January, 1, 0, 0, 0, 0, time.UTC)

func TestAStrangersTokenIsNotRevoked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		list, err := revocation.New(revocation.Config{})
		if err != nil {
			t.Fatal(err)
		}
		s := newServer()
		v := s.verifier(t, func(c *introspection.Config) { c.Revocations = list })
		s.answerWith("made-up", func(w http.ResponseWriter, _ *http.Request) {
			writeJSON(w, map[string]any{"active": false, "jti": "j"})
		})
		refuse(t, v, "made-up", verifier.CodeInvalidToken)
		synctest.Wait()
		if got := list.Status().Entries; got != 0 {
			t.Errorf("%d tokens are revoked", got)
		}
	})
}

// The answer comes after the token's exp.
func TestATokenThatExpiresMeanwhileIsNotRevoked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		list, err := revocation.New(revocation.Config{})
		if err != nil {
			t.Fatal(err)
		}
		s := newServer()
		v := s.verifier(t, func(c *introspection.Config) { c.Revocations, c.Leeway = list, -1 })
		accept(t, v, s.issue("token", map[string]any{"jti": "j", "exp": time.Now().Add(61 * time.Second).Unix()}))
		s.revoke("token")
		time.Sleep(time.Minute)
		s.latency = 2 * time.Second
		refuse(t, v, "token", verifier.CodeInvalidToken)
		synctest.Wait()
		if got := list.Status().Entries; got != 0 {
			t.Errorf("%d tokens are revoked", got)
		}
	})
}

// A slowBus takes as long as it's given, and fails.
type slowBus struct{ revocation.Bus }

var errBus = errors.New("the bus is down")

func (slowBus) Publish(ctx context.Context, _ []byte) error {
	<-ctx.Done()
	return errBus
}

func TestNoCallWaitsForTheBus(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		list, err := revocation.New(revocation.Config{Bus: slowBus{}, Stale: revocation.Admit})
		if err != nil {
			t.Fatal(err)
		}
		var lines bytes.Buffer
		s := newServer()
		v := s.verifier(t, func(c *introspection.Config) {
			c.Revocations, c.Logger = list, slog.New(slog.NewTextHandler(&lines, nil))
		})
		claims := accept(t, v, s.issue("token", map[string]any{"jti": "j"}))
		s.revoke("token")
		time.Sleep(time.Minute)
		before := time.Now()
		refuse(t, v, "token", verifier.CodeInvalidToken)
		if waited := time.Since(before); waited != 0 {
			t.Errorf("a call waited for %v", waited)
		}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if got := verifier.CodeOf(list.Check(claims)); got != verifier.CodeTokenRevoked {
			t.Errorf("with the bus down, the token gets %q", got)
		}
		if got := lines.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, errBus.Error()) {
			t.Errorf("the log says:\n%s", got)
		}
	})
}
