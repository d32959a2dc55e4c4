package verifier_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
)

func TestAThousandColdCallsShareOneFetch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPatient()
		p.respond = slowly(p.Issuer, 100*time.Millisecond).respond
		v := newVerifier(t, p.config())
		token := p.Token(nil)
		start := time.Now()
		var wg sync.WaitGroup
		for range 1000 {
			wg.Go(func() {
				if _, err := v.Verify(t.Context(), token); err != nil {
					t.Errorf("Verify: %v, want acceptance", err)
				}
			})
		}
		wg.Wait()
		if waited := time.Since(start); waited != 100*time.Millisecond {
			t.Errorf("the calls waited for %v, want one fetch of 100ms", waited)
		}
		wantFetches(t, p, 1)
	})
}

func TestACallerWhoGivesUpFailsNoOtherCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPatient()
		p.respond = slowly(p.Issuer, 100*time.Millisecond).respond
		v := newVerifier(t, p.config())
		token := p.Token(nil)
		first, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			start := time.Now()
			if _, err := v.Verify(first, token); !errors.Is(err, context.Canceled) {
				t.Errorf("Verify: %v, want the context's own error", err)
			}
			if waited := time.Since(start); waited != 10*time.Millisecond {
				t.Errorf("the first caller waited for %v after giving up at 10ms", waited)
			}
		})
		synctest.Wait() // the fetch is under way, for the first caller
		for range 99 {
			wg.Go(func() {
				if _, err := v.Verify(t.Context(), token); err != nil {
					t.Errorf("Verify: %v, want acceptance", err)
				}
			})
		}
		time.Sleep(10 * time.Millisecond)
		cancel()
		wg.Wait()
		wantFetches(t, p, 1)
	})
}

func TestCallsAreServedAfterAFirstFetchThatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPatient()
		p.suffer(hangs)
		config := p.config()
		v := newVerifier(t, config)
		start := time.Now()
		time.AfterFunc(time.Second, p.recover)
		failure := unavailable(t, v, p.Token(nil), verifier.CodeJWKSFetchFailed)
		if waited := time.Since(start); waited != 3*time.Second {
			t.Errorf("the first call waited for %v, want the default FetchTimeout", waited)
		}
		if failure.RetryAfter <= 0 || failure.RetryAfter > 250*time.Millisecond {
			t.Errorf("RetryAfter = %v after one failure, want up to 250ms", failure.RetryAfter)
		}
		time.Sleep(failure.RetryAfter)
		takesNoTime(t, func() { accept(t, v, p.Token(nil)) })
		wantFetches(t, p, 2)
	})
}

func TestIssuerThatIsDownAtStartIsFoundWithinOneBackOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPatient()
		p.suffer(resets)
		v := newVerifier(t, p.config())
		token := lasting(p.Issuer)
		for start := time.Now(); time.Since(start) < 5*time.Second; time.Sleep(10 * time.Millisecond) {
			takesNoTime(t, func() {
				failure := unavailable(t, v, token, verifier.CodeJWKSFetchFailed)
				if failure.RetryAfter <= 0 || failure.RetryAfter > 5*time.Second {
					t.Errorf("RetryAfter = %v, want up to 5s in the first minute", failure.RetryAfter)
				}
			})
		}
		// 250 ms, doubling, less up to half of it for jitter.
		if got := p.fetches(); got < 4 || got > 8 {
			t.Errorf("%d fetches in the first 5s of an outage, want 4 to 8", got)
		}
		p.recover()
		back := time.Now()
		for verdict(t, v, token) != "" && time.Since(back) < time.Hour {
			time.Sleep(10 * time.Millisecond)
		}
		if took := time.Since(back); took > 5*time.Second {
			t.Errorf("it took %v to find the issuer, want one back-off of up to 5s", took)
		}
	})
}

func TestBackOffStaysWithinItsBounds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPatient()
		p.suffer(resets)
		v := newVerifier(t, p.config())
		token := lasting(p.Issuer)
		start := time.Now()
		var waits []time.Duration
		for time.Since(start) < time.Hour {
			failure := unavailable(t, v, token, verifier.CodeJWKSFetchFailed)
			limit := 60 * time.Second
			if time.Since(start) < time.Minute {
				limit = 5 * time.Second
			}
			if failure.RetryAfter <= 0 || failure.RetryAfter > limit {
				t.Fatalf("RetryAfter = %v after %v, want up to %v", failure.RetryAfter, time.Since(start), limit)
			}
			waits = append(waits, failure.RetryAfter)
			time.Sleep(failure.RetryAfter)
		}
		last := waits[len(waits)-10:]
		different := false
		for _, wait := range last {
			if wait < 30*time.Second {
				t.Errorf("a late back-off of %v, want at least half a minute", wait)
			}
			different = different || wait != last[0]
		}
		if !different {
			t.Error("back-offs have no jitter")
		}
		wantFetches(t, p, len(waits))
	})
}

func TestWaitingCallsEndWithTheirOwnDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPatient()
		p.suffer(hangs)
		v := newVerifier(t, p.config())
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		start := time.Now()
		if _, err := v.Verify(ctx, p.Token(nil)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Verify: %v, want the context's own error", err)
		}
		if waited := time.Since(start); waited != 200*time.Millisecond {
			t.Errorf("the call waited for %v, want its own 200ms", waited)
		}
		time.Sleep(3 * time.Second) // until the fetch has ended by its own
	})
}

// Where a caller's deadline is short, its log shows nothing else about the issuer.
func TestWaitingCallsSayForWhichURLTheyWaited(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*verifier.Config)
		want   string
	}{
		"keys":      {func(*verifier.Config) {}, "https://issuer.test/jwks"},
		"a query":   {func(c *verifier.Config) { c.JWKSURL += "?secret" }, "https://issuer.test/jwks"},
		"discovery": {func(c *verifier.Config) { c.JWKSURL = "" }, "https://issuer.test/.well-known/openid-configuration"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPatient()
				p.suffer(hangs)
				config := p.config()
				test.change(&config)
				v := newVerifier(t, config)
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				_, err := v.Verify(ctx, p.Token(nil))
				if want := "context deadline exceeded while waiting for " + test.want; !errors.Is(err, context.DeadlineExceeded) || err.Error() != want {
					t.Errorf("Verify: %v, want %s", err, want)
				}
				ctx, cancel = context.WithCancel(t.Context())
				time.AfterFunc(time.Second, cancel)
				err = v.Ready(ctx)
				if want := "context canceled while waiting for " + test.want; !errors.Is(err, context.Canceled) || err.Error() != want {
					t.Errorf("Ready: %v, want %s", err, want)
				}
				time.Sleep(3 * time.Second)
			})
		})
	}
}

func TestReadyFetchesTheKeysAndSaysWhetherTheyAreThere(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPatient()
		p.suffer(resets)
		v := newVerifier(t, p.config())
		var failure *verifier.KeysError
		if err := v.Ready(t.Context()); !errors.As(err, &failure) {
			t.Fatalf("Ready: %v, want a KeysError while the issuer is down", err)
		}
		p.recover()
		time.Sleep(failure.RetryAfter)
		if err := v.Ready(t.Context()); err != nil {
			t.Errorf("Ready: %v, want nil", err)
		}
		wantFetches(t, p, 2)
		p.suffer(resets)
		time.Sleep(5 * time.Minute) // the keys are past their time to live, yet may be used
		if err := v.Ready(t.Context()); err != nil {
			t.Errorf("Ready: %v with keys that may be stale, want nil", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := v.Ready(ctx); err != nil {
			t.Errorf("Ready: %v, want nil, since there is nothing to wait for", err)
		}
	})
}

func TestAPanicOfTheTransportIsAFailedFetch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPatient()
		p.suffer(func(*http.Request) (*http.Response, error) { panic("broken transport") })
		v := newVerifier(t, p.config())
		failure := unavailable(t, v, p.Token(nil), verifier.CodeJWKSError)
		p.recover()
		time.Sleep(failure.RetryAfter)
		accept(t, v, p.Token(nil))
	})
}

func TestFixedKeysNeedNoIssuer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPatient()
		config := offline(p.Issuer)
		config.HTTPClient = p.client()
		var events atomic.Int32
		config.OnFetch = func(verifier.FetchEvent) { events.Add(1) }
		v := newVerifier(t, config)
		token := lasting(p.Issuer)
		time.Sleep(100 * time.Hour)
		takesNoTime(t, func() {
			accept(t, v, token)
			refuse(t, v, withKid(token, "unknown"), verifier.CodeKeyNotFound)
			if err := v.Ready(t.Context()); err != nil {
				t.Errorf("Ready: %v, want nil", err)
			}
		})
		wantFetches(t, p, 0)
		if events.Load() != 0 {
			t.Error("OnFetch was called")
		}
		if status := v.Status()[0]; status.Keys != 1 || !status.Usable || !status.NextRefresh.IsZero() {
			t.Errorf("Status() = %+v, want one key that is used without a refresh", status)
		}
	})
}
