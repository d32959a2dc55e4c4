package verifier_test

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
)

// outages are the ways an issuer can be out, and the code of its failures.
var outages = []struct {
	name    string
	ailment func(*http.Request) (*http.Response, error)
	code    verifier.Code
}{
	{"resets", resets, verifier.CodeJWKSFetchFailed},
	{"hangs", hangs, verifier.CodeJWKSFetchFailed},
	{"status 500", answers(500, ""), verifier.CodeJWKSFetchFailed},
	{"status 404", answers(404, ""), verifier.CodeJWKSFetchFailed},
	{"status 304 to a plain request", answers(304, ""), verifier.CodeJWKSFetchFailed},
	{"a page", answers(200, "<title>back soon</title>"), verifier.CodeJWKSError},
	{"no keys", answers(200, `{"keys":[]}`), verifier.CodeJWKSError},
	{"unusable keys", answers(200, `{"keys":[{"kty":"oct","kid":"ES256-1","k":"c2VjcmV0"}]}`), verifier.CodeJWKSError},
}

// One call every 5 seconds, from before the outage until the keys may be used no longer.
// None ever waits, and each is served; then none is, and each learns so at once.
func TestCallsAreServedWithoutAWaitThroughAnOutageUntilMaxStale(t *testing.T) {
	t.Parallel()
	for _, outage := range outages {
		t.Run(outage.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, v, token := warm(t)
				p.suffer(outage.ailment)
				start := time.Now()
				served := 0
				for time.Since(start) < 65*time.Minute {
					takesNoTime(t, func() { accept(t, v, token) })
					served++
					time.Sleep(5 * time.Second)
				}
				if served != 65*60/5 {
					t.Errorf("%d calls were served, want one every 5s", served)
				}
				// Every 5 s in the first minute, then every 30 to 65 s.
				if got := p.fetches(); got < 1+12+55 || got > 1+12+125 {
					t.Errorf("%d fetches in an hour of outage, want 68 to 138", got)
				}
				time.Sleep(3 * time.Second) // a fetch that hangs ends by itself
				failure := unavailable(t, v, token, outage.code)
				for range 500 {
					takesNoTime(t, func() { failure = unavailable(t, v, token, outage.code) })
				}
				if failure.RetryAfter <= 0 || failure.RetryAfter > 60*time.Second {
					t.Errorf("RetryAfter = %v, want up to 60s", failure.RetryAfter)
				}
				p.recover()
				time.Sleep(failure.RetryAfter)
				accept(t, v, token)
			})
		})
	}
}

// After a quiet time nothing shows that the issuer is out: the first calls wait for one
// fetch, together, and all later ones for none.
func TestOutageAfterAQuietTimeSlowsNoCallTwice(t *testing.T) {
	t.Parallel()
	for _, outage := range outages {
		t.Run(outage.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, v, token := warm(t)
				p.suffer(outage.ailment)
				time.Sleep(6 * time.Minute)
				var wg sync.WaitGroup
				for range 500 {
					wg.Go(func() {
						start := time.Now()
						accept(t, v, token)
						if waited := time.Since(start); waited > 3*time.Second {
							t.Errorf("a call waited for %v, want FetchTimeout at most", waited)
						}
					})
				}
				impatient, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				wg.Go(func() { _, _ = v.Verify(impatient, token) })
				wg.Wait()
				wantFetches(t, p, 2)
				for range 500 {
					takesNoTime(t, func() { accept(t, v, token) })
					time.Sleep(100 * time.Millisecond)
				}
				time.Sleep(3 * time.Second)
			})
		})
	}
}

// A refresh that is still under way when the time to live ends began ahead of it.
func TestNoCallWaitsForARefreshThatBeganAheadOfTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPatient()
		config := p.config()
		config.KeysTTL = 4 * time.Second
		v := newVerifier(t, config)
		token := lasting(p.Issuer)
		accept(t, v, token)
		p.suffer(hangs)
		for start := time.Now(); time.Since(start) < 20*time.Second; time.Sleep(100 * time.Millisecond) {
			takesNoTime(t, func() { accept(t, v, token) })
		}
		time.Sleep(3 * time.Second)
	})
}

// News of an outage get old: whether keys were withdrawn has to be asked before the
// next call after a quiet time is served.
func TestOutageStopsExcusingStaleKeysAfterOneTTL(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, v, token := warm(t)
		p.suffer(resets)
		time.Sleep(6 * time.Minute)
		accept(t, v, token)
		p.recover()
		p.Rotate()
		time.Sleep(4 * time.Minute)
		takesNoTime(t, func() { accept(t, v, token) }) // within one more time to live
		synctest.Wait()                                // ... and the refresh is over
		refuse(t, v, token, verifier.CodeKeyNotFound)

		token = lasting(p.Issuer)
		accept(t, v, token)
		p.suffer(resets)
		time.Sleep(6 * time.Minute)
		accept(t, v, token)
		p.recover()
		p.Rotate()
		time.Sleep(6 * time.Minute)
		refuse(t, v, token, verifier.CodeKeyNotFound)
	})
}

func TestKeysMaxStale(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		set  time.Duration
		want time.Duration // past KeysTTL
	}{
		{"an hour by default", 0, time.Hour},
		{"none", -1, 0},
		{"ten minutes", 10 * time.Minute, 10 * time.Minute},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPatient()
				config := p.config()
				config.KeysMaxStale = test.set
				v := newVerifier(t, config)
				token := lasting(p.Issuer)
				accept(t, v, token)
				p.suffer(resets)
				start := time.Now()
				for verdict(t, v, token) == "" && time.Since(start) < 3*time.Hour {
					time.Sleep(time.Second)
				}
				if lived := time.Since(start); lived != 5*time.Minute+test.want {
					t.Errorf("keys were used for %v in an outage, want %v", lived, 5*time.Minute+test.want)
				}
			})
		})
	}
}

func TestTokensOfUnknownKeysAreNotJudgedInAnOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, v, token := warm(t)
		p.suffer(hangs)
		p.Rotate()
		next := lasting(p.Issuer)
		time.Sleep(time.Millisecond)
		failure := unavailable(t, v, next, verifier.CodeJWKSFetchFailed)
		takesNoTime(t, func() {
			unavailable(t, v, next, verifier.CodeJWKSFetchFailed)
			accept(t, v, token)
		})
		p.recover()
		time.Sleep(failure.RetryAfter)
		accept(t, v, next)
	})
}

// Only its author can make a transport listen to its context.
func TestTransportThatIgnoresItsContextHoldsNoCallUp(t *testing.T) {
	t.Parallel()
	for name, respond := range map[string]func(released <-chan struct{}) (*http.Response, error){
		"deaf": func(released <-chan struct{}) (*http.Response, error) { <-released; return nil, errors.New("at last") },
		"gone": func(<-chan struct{}) (*http.Response, error) { runtime.Goexit(); return nil, nil },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				released := make(chan struct{})
				p := newPatient()
				p.suffer(func(*http.Request) (*http.Response, error) { return respond(released) })
				v := newVerifier(t, p.config())
				start := time.Now()
				if _, err := v.Verify(t.Context(), p.Token(nil)); verifier.CodeOf(err) != verifier.CodeJWKSError {
					t.Errorf("Verify: %v, want code %q", err, verifier.CodeJWKSError)
				}
				if waited := time.Since(start); waited > 4*time.Second {
					t.Errorf("the call waited %v, want the 3s of FetchTimeout and a moment", waited)
				}
				p.recover()
				time.Sleep(time.Second)
				accept(t, v, p.Token(nil))
				close(released)
			})
		})
	}
}

// A fetch that failed before keys were due says nothing of the time when they are.
func TestFailureBeforeKeysAreDueLetsNoWithdrawnKeyLive(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, v, token := warm(t)
		p.Rotate()
		time.Sleep(170 * time.Second)
		p.suffer(resets)
		if _, err := v.Verify(t.Context(), withKid(token, "made-up")); verifier.CodeOf(err) != verifier.CodeJWKSFetchFailed {
			t.Fatalf("Verify: %v, want code %q", err, verifier.CodeJWKSFetchFailed)
		}
		p.recover()
		time.Sleep(130 * time.Second) // the time to live is over
		if code := verdict(t, v, token); code != verifier.CodeKeyNotFound {
			t.Errorf("code = %q, want %q", code, verifier.CodeKeyNotFound)
		}
	})
}
