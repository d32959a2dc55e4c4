package introspection_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/introspection"
)

var ailments = map[string]http.HandlerFunc{
	"it's down":             status(http.StatusServiceUnavailable),
	"it fails":              status(http.StatusInternalServerError),
	"it hangs":              hang,
	"connections are lost":  drop,
	"it refuses us":         status(http.StatusUnauthorized),
	"it answers everything": func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, map[string]any{}) },
}

func TestAKnownTokenGoesOnInAnOutageWithinCacheTTL(t *testing.T) {
	t.Parallel()
	for name, ailment := range ailments {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newServer()
				v := s.verifier(t, nil)
				token := s.issue("known", nil)
				accept(t, v, token)
				known := time.Now()
				s.suffer(ailment)
				for time.Since(known) < time.Minute {
					start := time.Now()
					accept(t, v, token)
					if waited := time.Since(start); waited != 0 {
						t.Fatalf("a call waited for %v", waited)
					}
					time.Sleep(time.Second)
				}
				for range 100 {
					start := time.Now()
					err := verify(t, v, token)
					if verifier.CodeOf(err) != verifier.CodeIntrospectionFailed && verifier.CodeOf(err) != verifier.CodeIntrospectionError {
						t.Fatalf("in the outage: %v", err)
					}
					if waited := time.Since(start); waited > 4*time.Second {
						t.Fatalf("a call waited for %v", waited)
					}
					time.Sleep(100 * time.Millisecond)
				}
				s.recover()
				time.Sleep(10 * time.Second)
				accept(t, v, token)
			})
		})
	}
}

func TestAnUnknownTokenIsServedSoonAfterAnOutage(t *testing.T) {
	t.Parallel()
	for name, ailment := range ailments {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newServer()
				v := s.verifier(t, nil)
				token := s.issue("unknown", nil)
				s.suffer(ailment)
				time.AfterFunc(30*time.Second, s.recover)
				start := time.Now()
				for verify(t, v, token) != nil {
					time.Sleep(10 * time.Millisecond)
				}
				// A back-off lasts 4.5 s at most then, and a question 3 s.
				if took := time.Since(start); took < 30*time.Second || took > 38*time.Second {
					t.Errorf("served after %v, want 30 s and a little more", took)
				}
				if n := s.questions(); n > 60 {
					t.Errorf("%d questions were asked in 30 s", n)
				}
			})
		})
	}
}

// RetryAfter isn't only a guess: after it, a call finds out.
func TestACallIsToldWhenTheNextQuestionIsAsked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		v := s.verifier(t, nil)
		s.suffer(status(http.StatusBadGateway))
		_ = verify(t, v, "unknown")
		synctest.Wait() // for the probe
		for range 10 {
			failure := unavailable(t, verify(t, v, "another"), verifier.CodeIntrospectionFailed)
			before := s.questions()
			time.Sleep(failure.RetryAfter - time.Millisecond)
			_ = verify(t, v, "another")
			if n := s.questions() - before; n != 0 {
				t.Fatalf("%d questions were asked before RetryAfter", n)
			}
			time.Sleep(time.Millisecond)
			_ = verify(t, v, "another")
			synctest.Wait()
			if n := s.questions() - before; n != 1 {
				t.Fatalf("%d questions were asked after RetryAfter, want 1", n)
			}
		}
	})
}

func TestRetryAfterOfTheAuthorizationServerCounts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		v := s.verifier(t, nil)
		s.suffer(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "4")
			w.WriteHeader(http.StatusTooManyRequests)
		})
		_ = v.Ready(t.Context())
		failure := unavailable(t, v.Ready(t.Context()), verifier.CodeIntrospectionFailed)
		if failure.RetryAfter != 4*time.Second {
			t.Errorf("RetryAfter = %v, want 4s", failure.RetryAfter)
		}
	})
}

// An attacker finds a token that makes the server fail, or a firewall before it. It must not look
// down for that: a question of our own shows that it isn't.
func TestAStrangersTokenCannotMakeTheServerLookDown(t *testing.T) {
	t.Parallel()
	for name, ailment := range ailments {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newServer()
				v := s.verifier(t, func(c *introspection.Config) { c.CacheTTL = time.Second })
				known := s.issue("known", nil)
				accept(t, v, known)
				var flood sync.WaitGroup
				for n := range 1000 {
					token := s.answerWith(fmt.Sprint("../../etc/passwd", n), ailment)
					flood.Go(func() {
						time.Sleep(time.Duration(n) * 10 * time.Millisecond)
						if code := verifier.CodeOf(verify(t, v, token)); code != verifier.CodeIntrospectionFailed && code != verifier.CodeIntrospectionError {
							t.Errorf("the hostile token: code %q", code)
						}
					})
				}
				for range 100 {
					accept(t, v, known)
					time.Sleep(99 * time.Millisecond)
				}
				flood.Wait()
				const burst, seconds, perSecond = 64, 10, 10
				if n := s.questions() - s.questions(known); n > 2*(burst+seconds*perSecond) {
					t.Errorf("the flood cost %d questions, want one for each in the budget, and one of ours", n)
				}
				if status := v.Status()[0]; status.Failures != 0 || !status.Usable {
					t.Errorf("status = %+v, want no failures", status)
				}
			})
		})
	}
}

func TestAnAcceptedTokenCannotMakeTheServerLookDown(t *testing.T) {
	t.Parallel()
	for name, ailment := range ailments {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newServer()
				v := s.verifier(t, func(c *introspection.Config) { c.CacheTTL, c.UnknownTokensPerSecond = time.Second, 1 })
				good, broken := s.issue("good", nil), s.issue("broken", nil)
				accept(t, v, good)
				accept(t, v, broken)
				s.answerWith(broken, ailment)
				time.Sleep(time.Second)
				var calls sync.WaitGroup
				const seconds, each = 10, 100
				for n := range seconds * each {
					time.Sleep(time.Second / each)
					calls.Go(func() { accept(t, v, good) })
					calls.Go(func() {
						if err := verify(t, v, broken); err == nil {
							t.Error("the broken token is accepted past CacheTTL")
						}
					})
					calls.Go(func() { _ = verify(t, v, fmt.Sprint("made up ", n)) })
					calls.Go(func() { _ = verify(t, v, fmt.Sprint("made-up", n)) })
				}
				calls.Wait()
				const burst = 64
				if n := s.questions() - s.questions(good, broken); n > 2*(burst+2*seconds+1) {
					t.Errorf("made-up tokens cost %d questions, want one for each in the budget, and some of ours", n)
				}
				if status := v.Status()[0]; status.Failures != 0 || !status.Usable {
					t.Errorf("status = %+v, want no failures", status)
				}
			})
		})
	}
}

// What an outage made of strangers' tokens says nothing about them.
func TestAnOutageDoesNotSpendTheBudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		v := s.verifier(t, nil)
		s.suffer(hang)
		var calls sync.WaitGroup
		for n := range 64 {
			calls.Go(func() { _ = verify(t, v, s.issue(fmt.Sprint("unknown-", n), nil)) })
		}
		calls.Wait()
		time.Sleep(3 * time.Second) // for the probe
		s.recover()
		time.Sleep(time.Minute)
		accept(t, v, "unknown-0") // waits for the probe
		refused := 0
		for n := range 1000 {
			if verifier.CodeOf(verify(t, v, fmt.Sprint("made-up-", n))) == verifier.CodeInvalidToken {
				refused++
			}
		}
		if refused != 64 {
			t.Errorf("%d made-up tokens were asked about after the outage, want 64", refused)
		}
	})
}

func TestReadyAsksAboutATokenOfItsOwn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		v := s.verifier(t, nil)
		for range 5 {
			if err := v.Ready(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Second)
		}
		if n := s.questions(); n != 1 || !strings.HasPrefix(form(s).Get("token"), "oidcrpc-probe-") {
			t.Errorf("%d questions were asked within CacheTTL, want 1; the last about %q", n, form(s).Get("token"))
		}
		s.suffer(status(http.StatusUnauthorized))
		time.Sleep(time.Minute)
		unavailable(t, v.Ready(t.Context()), verifier.CodeIntrospectionFailed)
		s.suffer(func(w http.ResponseWriter, _ *http.Request) {
			writeJSON(w, map[string]any{"active": true, "aud": audience, "exp": time.Now().Add(time.Hour).Unix()})
		})
		time.Sleep(time.Minute)
		unavailable(t, v.Ready(t.Context()), verifier.CodeIntrospectionError)
	})
}

func TestOperatorsHearAboutQuestionsAndOutages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		s.latency = time.Millisecond // so that one event is reported after the other
		var mu sync.Mutex
		var events []string
		var log strings.Builder
		v := s.verifier(t, func(c *introspection.Config) {
			c.OnFetch = func(e verifier.FetchEvent) {
				mu.Lock()
				defer mu.Unlock()
				events = append(events, fmt.Sprint(e.Reason, " ", e.Outcome, " ", e.Failures, " ", verifier.CodeOf(e.Err)))
			}
			c.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{ReplaceAttr: withoutTime}))
		})
		token := s.issue("opaque", nil)
		step := func(want error, change func()) {
			t.Helper()
			change()
			time.Sleep(2 * time.Minute)
			if err := verify(t, v, token); (err == nil) != (want == nil) {
				t.Fatalf("Verify: %v", err)
			}
			time.Sleep(10 * time.Millisecond) // until our own question was answered
			synctest.Wait()
		}
		step(nil, func() {})
		step(nil, func() {})
		step(http.ErrAbortHandler, func() { s.suffer(status(http.StatusBadGateway)) })
		if status := v.Status()[0]; status.Issuer != issuer || status.Usable || status.Failures != 1 ||
			!strings.Contains(status.LastError, "status 502") || status.LastFailure.IsZero() ||
			status.LastSuccess.IsZero() || !status.NextRefresh.After(time.Now()) {
			t.Errorf("in an outage the status is %+v", status)
		}
		step(nil, s.recover)
		step(http.ErrAbortHandler, func() { s.revoke(token) })
		if status := v.Status()[0]; !status.Usable || status.Failures != 0 {
			t.Errorf("the status is %+v", status)
		}
		want := []string{
			"first changed 0 ", "refresh unchanged 0 ", "refresh failed 0 introspection_failed",
			"refresh failed 1 introspection_failed",
			"refresh unchanged 1 ", "refresh unchanged 0 ", "refresh changed 0 ",
		}
		if got := strings.Join(events, "\n"); got != strings.Join(want, "\n") {
			t.Errorf("the events are\n%s\nwant\n%s", got, strings.Join(want, "\n"))
		}
		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		if len(lines) != 2 || !strings.Contains(lines[0], "lost") || !strings.Contains(lines[1], "back") {
			t.Errorf("the log is\n%s", log.String())
		}
	})
}

func withoutTime(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}
