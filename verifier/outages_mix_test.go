package verifier_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
)

// Each outage begins and ends at a random moment between two refreshes, in any way an issuer
// can be out. Known tokens come every 2 seconds. Tokens with made-up keys come as the mix
// says, before the outage and during it.
func TestTokensOfUnknownKeysGetNoKnownKeyRefusedInAnOutage(t *testing.T) {
	t.Parallel()
	simulated := 300
	if testing.Short() {
		simulated = 30
	}
	for _, mix := range []struct {
		name  string
		every time.Duration // 0: never
		kids  int           // how many different ones; 0: each its own
	}{
		{"none", 0, 1},
		{"one in 30 s", 30 * time.Second, 1},
		{"one a second, always the same", time.Second, 1},
		{"one a second, each another", time.Second, 0},
		{"four a second, of twenty", 250 * time.Millisecond, 20},
	} {
		t.Run(mix.name, func(t *testing.T) {
			t.Parallel()
			var sum refusals
			struck := 0
			for seed := range simulated {
				synctest.Test(t, func(t *testing.T) {
					random := rand.New(rand.NewPCG(uint64(seed), 0))
					one := simulateOutage(t, random, mix.every, mix.kids)
					if one.refused > 0 {
						struck++
						sum.example = one.example
					}
					sum.calls += one.calls
					sum.refused += one.refused
					sum.longest = max(sum.longest, one.longest)
				})
			}
			if sum.refused > 0 {
				t.Errorf("known keys were refused in %d of %d outages, in %d of %d calls, for up to %v: %v",
					struck, simulated, sum.refused, sum.calls, sum.longest, sum.example)
			}
		})
	}
}

// refusals count a known key's calls.
type refusals struct {
	calls, refused int
	longest        time.Duration // in which every call was refused
	example        error
}

func simulateOutage(t *testing.T, random *rand.Rand, every time.Duration, kids int) (sum refusals) {
	between := func(low, high time.Duration) time.Duration {
		return low + time.Duration(random.Int64N(int64(high-low)))
	}
	p, v, token := warm(t)
	start := time.Now()
	begins := start.Add(between(time.Minute, 6*time.Minute))
	ends := begins.Add(between(time.Minute, 12*time.Minute))
	outage := outages[random.IntN(len(outages))].ailment
	var wg sync.WaitGroup
	defer wg.Wait()
	time.AfterFunc(time.Until(begins), func() { p.suffer(outage) })
	time.AfterFunc(time.Until(ends), p.recover)
	over := ends.Add(3 * time.Minute)
	if every > 0 {
		wg.Go(func() {
			for n := 0; time.Now().Before(over); n++ {
				kid := n
				if kids > 0 {
					kid = n % kids
				}
				wg.Go(func() { _, _ = v.Verify(t.Context(), withKid(token, fmt.Sprint("made-up-", kid))) })
				time.Sleep(every)
			}
		})
	}
	var since time.Time // of the first call that was refused, of the present ones
	for time.Now().Before(over) {
		sum.calls++
		called := time.Now()
		_, err := v.Verify(t.Context(), token)
		if waited := time.Since(called); waited > 3*time.Second {
			t.Errorf("a call waited for %v, want FetchTimeout at most", waited)
		}
		switch {
		case err == nil:
			since = time.Time{}
		case since.IsZero():
			since = called
			fallthrough
		default:
			sum.refused++
			sum.longest = max(sum.longest, called.Sub(since))
			sum.example = err
		}
		time.Sleep(2 * time.Second)
	}
	return sum
}

// A forgotten client sends the same token every second, for hours, and its key was withdrawn. It
// must cost next to no fetch and delay no rotation, whether the token is good otherwise or not.
func TestForgottenClientsHideNoRotationAndCostNoFetches(t *testing.T) {
	t.Parallel()
	rotations := 20
	if testing.Short() {
		rotations = 4
	}
	quiet := rotateAmid(t, nil, 0, rotations)
	if quiet.late > 0 {
		t.Errorf("without any other client, %d of %d new keys were not accepted at first sight", quiet.late, rotations)
	}
	for name, forget := range map[string]func(p *patient, n int) string{
		"expired or foreign": func(p *patient, n int) string {
			return p.Token([]map[string]any{
				{"exp": time.Now().Add(-time.Hour)},
				{"exp": time.Now().Add(1000 * time.Hour), "aud": "https://other.test"},
			}[n%2])
		},
		"live": func(p *patient, _ int) string { return lasting(p.Issuer) },
	} {
		for _, clients := range []int{1, 3, 5} {
			t.Run(fmt.Sprint(name, " ", clients), func(t *testing.T) {
				amid := rotateAmid(t, forget, clients, rotations)
				if amid.late > 0 {
					t.Errorf("%d of %d new keys were not accepted at their first token, but up to %v later, %v on average: %v",
						amid.late, rotations, amid.latest, amid.total/time.Duration(rotations), amid.example)
				}
				if more := amid.fetchesPerMinute - quiet.fetchesPerMinute; more > 1 {
					t.Errorf("%.1f fetches a minute, want up to 1 more than the %.1f without them",
						amid.fetchesPerMinute, quiet.fetchesPerMinute)
				}
				if amid.accepted > 0 {
					t.Errorf("%d tokens of forgotten clients were accepted", amid.accepted)
				}
			})
		}
	}
}

type rotationsSeen struct {
	late             int           // new keys that were not accepted at once
	latest, total    time.Duration // until they were
	example          error
	accepted         int // tokens of forgotten clients
	fetchesPerMinute float64
}

func rotateAmid(t *testing.T, forget func(p *patient, n int) string, clients, rotations int) (seen rotationsSeen) {
	synctest.Test(t, func(t *testing.T) {
		p := newPatient()
		var forgotten []string
		for n := range clients {
			forgotten = append(forgotten, forget(p, n))
			p.Rotate()
		}
		v := newVerifier(t, p.config())
		random := rand.New(rand.NewPCG(uint64(clients), 0))
		start := time.Now()
		done := make(chan struct{})
		var wg sync.WaitGroup
		var mu sync.Mutex
		for _, token := range forgotten {
			time.Sleep(time.Duration(random.Int64N(int64(time.Second))))
			wg.Go(func() {
				for {
					if _, err := v.Verify(t.Context(), token); err == nil {
						mu.Lock()
						seen.accepted++
						mu.Unlock()
					}
					select {
					case <-done:
						return
					case <-time.After(time.Second):
					}
				}
			})
		}
		accept(t, v, lasting(p.Issuer))
		for range rotations {
			life := 10*time.Minute + time.Duration(random.Int64N(int64(20*time.Minute)))
			token := lasting(p.Issuer)
			for born := time.Now(); time.Since(born) < life; time.Sleep(time.Second) {
				if _, err := v.Verify(t.Context(), token); err != nil {
					t.Fatalf("a known key was refused: %v", err)
				}
			}
			p.Rotate()
			rotated := time.Now()
			token = lasting(p.Issuer)
			_, err := v.Verify(t.Context(), token)
			if err != nil {
				seen.late++
				seen.example = err
			}
			for ; err != nil; _, err = v.Verify(t.Context(), token) {
				time.Sleep(100 * time.Millisecond)
			}
			seen.total += time.Since(rotated)
			seen.latest = max(seen.latest, time.Since(rotated))
		}
		seen.fetchesPerMinute = float64(p.fetches()) / time.Since(start).Minutes()
		close(done)
		wg.Wait()
	})
	return seen
}

// Asleep, a service makes no calls. When it wakes in an outage its keys may be past their
// time to live. Known keys are served all the same, and a call waits for one fetch at most.
func TestAServiceThatWakesInAnOutageServesKnownKeys(t *testing.T) {
	t.Parallel()
	for _, outage := range outages {
		for _, asleep := range []time.Duration{4 * time.Minute, 6 * time.Minute, 30 * time.Minute, 64 * time.Minute} {
			t.Run(fmt.Sprint(outage.name, " after ", asleep), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p, v, token := warm(t)
					p.suffer(outage.ailment)
					// The outage has begun before the service falls asleep.
					_, err := v.Verify(t.Context(), withKid(token, "made-up"))
					if _, ok := errors.AsType[*verifier.KeysError](err); !ok {
						t.Fatalf("Verify: %v, want a KeysError", err)
					}
					time.Sleep(asleep)
					for start := time.Now(); time.Since(start) < 30*time.Second; time.Sleep(time.Second) {
						called := time.Now()
						accept(t, v, token)
						if waited := time.Since(called); waited > 3*time.Second {
							t.Fatalf("a call waited for %v, want FetchTimeout at most", waited)
						}
					}
					time.Sleep(3 * time.Second)
				})
			})
		}
	}
}

// An issuer says when to come back, and is believed within the back-off's bound.
func TestRetryAfterIsHonoured(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		status int
		after  string
		want   time.Duration // between two fetches, at least
	}{
		{503, "3", 3 * time.Second},
		{429, "3", 3 * time.Second},
		{503, "86400", 2 * time.Second}, // the back-off bounds it
	} {
		t.Run(fmt.Sprint(test.status, " ", test.after), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPatient()
				var asked []time.Time
				p.suffer(func(*http.Request) (*http.Response, error) {
					asked = append(asked, time.Now())
					res := response(test.status, "")
					res.Header.Set("Retry-After", test.after)
					return res, nil
				})
				v := newVerifier(t, p.config())
				for start := time.Now(); time.Since(start) < time.Minute; time.Sleep(100 * time.Millisecond) {
					_, _ = v.Verify(t.Context(), p.Token(nil))
				}
				if len(asked) < 60/6 {
					t.Errorf("the issuer was asked %d times in a minute, want one in 6 s at least", len(asked))
				}
				for n := 1; n < len(asked); n++ {
					if gap := asked[n].Sub(asked[n-1]); gap < test.want {
						t.Fatalf("asked again after %v, want %v at least", gap, test.want)
					}
				}
			})
		})
	}
}

// Metadata and keys take two seconds each, too long for one fetch. The second fetch knows
// where the keys are.
func TestAnIssuerThatTakesTwoSecondsForEachAnswerIsHeard(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPatient()
		config := p.Config()
		config.HTTPClient = slowly(p.Issuer, 2*time.Second).client()
		v := newVerifier(t, config)
		token := lasting(p.Issuer)
		start := time.Now()
		_, err := v.Verify(t.Context(), token)
		for ; err != nil && time.Since(start) < time.Minute; _, err = v.Verify(t.Context(), token) {
			time.Sleep(100 * time.Millisecond)
		}
		if err != nil {
			t.Fatalf("Verify: %v after a minute", err)
		}
		if took := time.Since(start); took > 6*time.Second {
			t.Errorf("the first token was accepted after %v, want two fetches at most", took)
		}
		for time.Since(start) < 30*time.Minute {
			accept(t, v, token)
			time.Sleep(time.Second)
		}
		p.Rotate()
		time.Sleep(10 * time.Minute)
		if code := verdict(t, v, token); code != verifier.CodeKeyNotFound {
			t.Errorf("code = %q, want %q: the withdrawn key was never noticed", code, verifier.CodeKeyNotFound)
		}
	})
}
