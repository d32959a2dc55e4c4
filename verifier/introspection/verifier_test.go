package introspection_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/introspection"
)

func TestARememberedTokenIsNotAskedAboutAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		v := s.verifier(t, nil)
		token := s.issue("opaque", nil)
		for range 30 { // for 30 s, half of CacheTTL
			accept(t, v, token)
			time.Sleep(time.Second)
		}
		if n := s.questions(); n != 1 {
			t.Errorf("%d questions were asked, want 1", n)
		}
	})
}

// A token in use is renewed in the background: no call waits, even if the answer takes long.
func TestATokenInUseIsRenewedInTheBackground(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		v := s.verifier(t, nil)
		token := s.issue("opaque", nil)
		accept(t, v, token)
		s.suffer(func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(2 * time.Second)
			writeJSON(w, s.tokens[token])
		})
		for range 600 { // for 10 minutes
			start := time.Now()
			accept(t, v, token)
			if waited := time.Since(start); waited != 0 {
				t.Fatalf("a call waited for %v", waited)
			}
			time.Sleep(time.Second)
		}
		time.Sleep(2 * time.Second) // for the last one
		// Each answer is renewed after 30 to 49 seconds.
		if n := s.questions(); n < 13 || n > 21 {
			t.Errorf("%d questions were asked in 10 minutes, want 13 to 21", n)
		}
	})
}

func TestARevokedTokenIsRefusedWithinCacheTTL(t *testing.T) {
	t.Parallel()
	for _, pause := range []time.Duration{time.Second, 10 * time.Second, 45 * time.Second, time.Minute, time.Hour / 2} {
		synctest.Test(t, func(t *testing.T) {
			s := newServer()
			v := s.verifier(t, nil)
			token := s.issue("opaque", nil)
			accept(t, v, token)
			s.revoke(token)
			revoked := time.Now()
			for {
				time.Sleep(pause)
				if _, err := v.Verify(t.Context(), token); err != nil {
					break
				}
				if time.Since(revoked) >= time.Minute {
					t.Fatalf("a call every %v: accepted %v after the revocation", pause, time.Since(revoked))
				}
			}
			refuse(t, v, token, verifier.CodeInvalidToken)
		})
	}
}

// The background finds out first, and doesn't keep it to itself until the answer is too old.
func TestARevokedTokenIsRefusedOnceItWasAskedAbout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		v := s.verifier(t, nil)
		token := s.issue("opaque", nil)
		accept(t, v, token)
		s.revoke(token)
		for s.questions() == 1 {
			time.Sleep(time.Second)
			accept(t, v, token)
			synctest.Wait()
		}
		refuse(t, v, token, verifier.CodeInvalidToken)
	})
}

func TestAnAnswerIsNotUsedPastExp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		v := s.verifier(t, nil)
		token := s.issue("opaque", map[string]any{"exp": time.Now().Add(10 * time.Second).Unix()})
		accept(t, v, token)
		s.revoke(token) // it's over there
		time.Sleep(10 * time.Second)
		refuse(t, v, token, verifier.CodeInvalidToken)
	})
}

func TestAnExpiredTokenIsRefusedWithoutAQuestion(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		v := s.verifier(t, nil)
		token := s.issue("opaque", map[string]any{"exp": time.Now().Add(10 * time.Second).Unix()})
		accept(t, v, token)
		time.Sleep(41 * time.Second)
		refuse(t, v, token, verifier.CodeTokenExpired)
		if n := s.questions(); n != 1 {
			t.Errorf("%d questions were asked, want 1", n)
		}
	})
}

func TestOneQuestionIsAskedForCallsAtTheSameTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		v := s.verifier(t, nil)
		token := s.issue("opaque", nil)
		s.suffer(func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(time.Second)
			writeJSON(w, s.tokens[token])
		})
		var calls sync.WaitGroup
		for n := range 1000 {
			calls.Go(func() {
				time.Sleep(time.Duration(n) * time.Millisecond)
				accept(t, v, token)
			})
		}
		calls.Wait()
		if n := s.questions(); n != 1 {
			t.Errorf("%d questions were asked, want 1", n)
		}
	})
}

func TestACallersEndEndsOnlyItsOwnWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		v := s.verifier(t, nil)
		token := s.issue("opaque", nil)
		s.suffer(func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(time.Second)
			writeJSON(w, s.tokens[token])
		})
		ctx, cancel := context.WithCancel(t.Context())
		var calls sync.WaitGroup
		calls.Go(func() {
			start := time.Now()
			claims, err := v.Verify(ctx, token)
			if !errors.Is(err, context.Canceled) || claims != nil || time.Since(start) != time.Second/2 {
				t.Errorf("Verify: %v after %v, want the end of its context", err, time.Since(start))
			}
		})
		calls.Go(func() { accept(t, v, token) })
		time.Sleep(time.Second / 2)
		cancel()
		calls.Wait()
		if n := s.questions(); n != 1 {
			t.Errorf("%d questions were asked, want 1", n)
		}
		if _, err := v.Verify(ctx, token); !errors.Is(err, context.Canceled) {
			t.Errorf("Verify with a context that has ended: %v", err)
		}
	})
}

func TestARefusedTokenIsNotAskedAboutForTenSeconds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		v := s.verifier(t, nil)
		for range 100 {
			refuse(t, v, "made-up", verifier.CodeInvalidToken)
			time.Sleep(99 * time.Millisecond)
		}
		if n := s.questions(); n != 1 {
			t.Errorf("%d questions were asked, want 1", n)
		}
		time.Sleep(time.Second)
		accept(t, v, s.issue("made-up", nil))
	})
}

func TestCallersShareNoError(t *testing.T) {
	t.Parallel()
	s := newServer()
	v := s.verifier(t, nil)
	refuse(t, v, "made-up", verifier.CodeInvalidToken).Code = "changed"
	refuse(t, v, "made-up", verifier.CodeInvalidToken).Code = "changed"
	refuse(t, v, "made-up", verifier.CodeInvalidToken)
}

func TestOverwrittenClaimsAreForgotten(t *testing.T) {
	t.Parallel()
	s := newServer()
	v := s.verifier(t, nil)
	token := s.issue("opaque", nil)
	*accept(t, v, token) = verifier.Claims{}
	if subject := accept(t, v, token).Subject(); subject != "alice" {
		t.Errorf("sub is %q", subject)
	}
}

func TestTokensAreTheSameOnlyIfAllOfThemIs(t *testing.T) {
	t.Parallel()
	s := newServer()
	v := s.verifier(t, nil)
	accept(t, v, s.issue("a-token", nil))
	for _, other := range []string{"A-token", "b-token", "a-token=", "a-toke", "xa-token"} {
		refuse(t, v, other, verifier.CodeInvalidToken)
	}
}

func TestTheCacheIsBoundedInEntriesAndBytes(t *testing.T) {
	t.Parallel()
	const size = 10
	for name, text := range map[string]int{"entries": 0, "bytes": 40 << 10} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer()
			v := s.verifier(t, func(c *introspection.Config) { c.TokenCacheSize = size })
			filler := make([]byte, text)
			for i := range filler {
				filler[i] = 'x'
			}
			var tokens []string
			for n := range 2 * size {
				tokens = append(tokens, s.issue(fmt.Sprint("token-", n), map[string]any{"filler": string(filler)}))
				accept(t, v, tokens[n])
			}
			before := s.questions()
			remembered := size
			if text > 0 {
				remembered = 0 // each takes more than half of 10 × 4 KiB
			}
			for _, token := range tokens[2*size-remembered:] {
				accept(t, v, token)
			}
			if n := s.questions() - before; n != 0 {
				t.Errorf("%d questions about the last %d tokens, want none", n, remembered)
			}
			accept(t, v, tokens[0])
			if n := s.questions() - before; n != 1 {
				t.Errorf("%d questions about the first token, want 1", n)
			}
		})
	}
}

// Ten thousand made-up tokens come in one second, while five known callers go on. Their answers
// become due meanwhile.
func TestAFloodOfMadeUpTokensCostsItsBudgetAndNoKnownCallerARefusal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		v := s.verifier(t, func(c *introspection.Config) { c.CacheTTL, c.TokenCacheSize = 2*time.Second, 10 })
		var known []string
		for n := range 5 {
			known = append(known, s.issue(fmt.Sprint("known-", n), nil))
			accept(t, v, known[n])
		}
		before := s.questions()
		var flood sync.WaitGroup
		var refused, told atomic.Int64
		start := time.Now()
		for n := range 10_000 {
			flood.Go(func() {
				time.Sleep(time.Duration(n) * 500 * time.Microsecond) // for 5 s
				_, err := v.Verify(t.Context(), fmt.Sprint("made-up-", n))
				switch failure, _ := errors.AsType[*verifier.KeysError](err); {
				case verifier.CodeOf(err) == verifier.CodeInvalidToken:
					refused.Add(1)
				case failure != nil && failure.RetryAfter > 0 && failure.RetryAfter <= 100*time.Millisecond:
					told.Add(1)
				default:
					t.Errorf("a made-up token: %v", err)
				}
			})
		}
		calls := 0
		for time.Since(start) < 5*time.Second {
			for _, token := range known {
				accept(t, v, token)
				calls++
			}
			time.Sleep(time.Millisecond)
		}
		flood.Wait()
		const budget = 64 + 5*10
		strange := s.questions() - before - s.questions(known...) + len(known)
		if strange < 64 || strange > budget {
			t.Errorf("the flood cost %d questions, want 64 to %d", strange, budget)
		}
		if refused.Load()+told.Load() != 10_000 || refused.Load() != int64(strange) {
			t.Errorf("%d refused, %d told to come back, of 10,000", refused.Load(), told.Load())
		}
		// Each answer lasts at least 1.2 of the 2 seconds.
		if n := s.questions(known...); n > len(known)*6 {
			t.Errorf("known tokens cost %d questions", n)
		}
		t.Logf("10,000 made-up tokens: %d questions, %d told to come back; %d calls of known callers, none refused",
			strange, told.Load(), calls)
	})
}

// A good token that isn't known yet costs nothing of the budget in the end.
func TestGoodTokensDoNotSpendTheBudget(t *testing.T) {
	t.Parallel()
	s := newServer()
	v := s.verifier(t, nil)
	for n := range 1000 {
		accept(t, v, s.issue(fmt.Sprint("token-", n), nil))
	}
}

func TestTheBudgetIsWhatTheConfigSays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		v := s.verifier(t, func(c *introspection.Config) { c.UnknownTokensPerSecond = 100 })
		flood := func(name string) (asked int) {
			before := s.questions()
			for n := range 1000 {
				_ = verify(t, v, fmt.Sprint(name, n))
			}
			return s.questions() - before
		}
		if n := flood("first-"); n != 100 {
			t.Errorf("the flood cost %d questions at first, want 100", n)
		}
		time.Sleep(time.Second / 2)
		if n := flood("second-"); n != 50 {
			t.Errorf("the flood cost %d questions half a second later, want 50", n)
		}
		failure := unavailable(t, verify(t, v, "another"), verifier.CodeIntrospectionFailed)
		if failure.RetryAfter > 10*time.Millisecond {
			t.Errorf("RetryAfter = %v", failure.RetryAfter)
		}
	})
}

func TestMaxTokenBytesIsWhatTheConfigSays(t *testing.T) {
	t.Parallel()
	s := newServer()
	if n := s.verifier(t, nil).MaxTokenBytes(); n != 16<<10 {
		t.Errorf("MaxTokenBytes() = %d, want the default", n)
	}
	v := s.verifier(t, func(c *introspection.Config) { c.MaxTokenBytes = 10 })
	if n := v.MaxTokenBytes(); n != 10 {
		t.Errorf("MaxTokenBytes() = %d, want 10", n)
	}
	refuse(t, v, s.issue("0123456789a", nil), verifier.CodeMalformedToken)
}

func TestAZeroVerifierRefusesEveryToken(t *testing.T) {
	t.Parallel()
	var v introspection.Verifier
	refuse(t, &v, "opaque", verifier.CodeInvalidToken)
	if v.Ready(t.Context()) == nil || v.Status() != nil || v.MaxTokenBytes() != 0 {
		t.Error("it's ready")
	}
}
