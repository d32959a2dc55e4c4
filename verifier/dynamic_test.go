package verifier_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
)

// A directory of tenants. Its zero value has none.
type directory struct {
	mu      sync.Mutex
	configs map[string]verifier.Config
	err     error
	delay   time.Duration
	asked   int
}

func (d *directory) add(configs ...verifier.Config) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.configs == nil {
		d.configs = make(map[string]verifier.Config)
	}
	for _, config := range configs {
		d.configs[config.Issuer] = config
	}
}

func (d *directory) change(f func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f()
}

func (d *directory) remove(issuer string)    { d.change(func() { delete(d.configs, issuer) }) }
func (d *directory) fail(err error)          { d.change(func() { d.err = err }) }
func (d *directory) delayBy(t time.Duration) { d.change(func() { d.delay = t }) }

func (d *directory) calls() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.asked
}

func (d *directory) resolve(ctx context.Context, issuer string) (verifier.Config, error) {
	d.mu.Lock()
	d.asked++
	delay, failure := d.delay, d.err
	config, ok := d.configs[issuer]
	d.mu.Unlock()
	if delay > 0 {
		if err := sleep(ctx, delay); err != nil {
			return verifier.Config{}, err
		}
	}
	if failure != nil {
		return verifier.Config{}, failure
	}
	if !ok {
		return verifier.Config{}, fmt.Errorf("no such row: %w", verifier.ErrUnknownIssuer)
	}
	return config, nil
}

func (d *directory) wantCalls(t testing.TB, want int) {
	t.Helper()
	if got := d.calls(); got != want {
		t.Errorf("the resolver was asked %d times, want %d", got, want)
	}
}

func newDynamic(t testing.TB, capacity int, d *directory) *verifier.Dynamic {
	t.Helper()
	v, err := verifier.NewDynamic(verifier.DynamicConfig{AllowPrivateAddresses: true, Capacity: capacity, Resolve: d.resolve})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// oneTenant returns the only tenant of a directory, and a token that was accepted.
func oneTenant(t testing.TB, capacity int) (*patient, *directory, *verifier.Dynamic, string) {
	t.Helper()
	p := newPatient()
	d := &directory{}
	d.add(p.config())
	v := newDynamic(t, capacity, d)
	token := lasting(p.Issuer)
	wantCode(t, v, token, "")
	return p, d, v, token
}

var errDatabase = errors.New("database is down")

func TestTenantsAreLookedUpOnceAndJudgedEachByItsOwn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := newPatientAt("https://a.test"), newPatientAt("https://b.test")
		d := &directory{delay: 10 * time.Millisecond}
		d.add(a.config(), b.config())
		v := newDynamic(t, 10, d)
		tokens := []string{lasting(a.Issuer), lasting(b.Issuer)}
		var wg sync.WaitGroup
		for i := range 1000 {
			wg.Go(func() { wantCode(t, v, tokens[i%2], "") })
		}
		wg.Wait()
		d.wantCalls(t, 2)
		wantFetches(t, a, 1)
		wantFetches(t, b, 1)
		wantCode(t, v, a.Token(map[string]any{"iss": b.URL()}), verifier.CodeInvalidToken)
		wantCode(t, v, b.Token(map[string]any{"iss": a.URL()}), verifier.CodeInvalidToken)
		status := v.Status()
		if len(status) != 2 || status[0].Issuer != a.URL() || status[1].Issuer != b.URL() || !status[0].Usable {
			t.Errorf("Status() = %+v, want both tenants by name", status)
		}
	})
}

func TestACallerWhoGivesUpDoesNotEndALookUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPatient()
		d := &directory{delay: time.Second}
		d.add(p.config())
		v := newDynamic(t, 10, d)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := v.Verify(ctx, p.Token(nil)); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Verify: %v, want the context's own error", err)
			}
		})
		synctest.Wait()
		for range 99 {
			wg.Go(func() { wantCode(t, v, p.Token(nil), "") })
		}
		wg.Wait()
		d.wantCalls(t, 1)
	})
}

func TestUnknownIssuersAreRememberedBriefly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPatient()
		d := &directory{}
		v := newDynamic(t, 10, d)
		token := lasting(p.Issuer)
		for start := time.Now(); time.Since(start) < 10*time.Second; time.Sleep(time.Second) {
			wantCode(t, v, token, verifier.CodeInvalidIssuer)
		}
		d.wantCalls(t, 1)
		d.add(p.config()) // a new customer
		wantCode(t, v, token, "")
		d.wantCalls(t, 2)
	})
}

func TestALookUpThatFailsIsNotTheTokensFault(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPatient()
		d := &directory{err: errDatabase}
		d.add(p.config())
		v := newDynamic(t, 10, d)
		token := lasting(p.Issuer)
		start := time.Now()
		for time.Since(start) < 5*time.Second {
			takesNoTime(t, func() {
				_, err := v.Verify(t.Context(), token)
				failure, ok := errors.AsType[*verifier.KeysError](err)
				if !ok || failure.RetryAfter <= 0 || failure.RetryAfter > 5*time.Second ||
					!errors.Is(err, errDatabase) || strings.Contains(err.Error(), p.URL()) {
					t.Errorf("Verify: %v, want a KeysError with the cause and a time, and no claim", err)
				}
			})
			time.Sleep(10 * time.Millisecond)
		}
		if calls := d.calls(); calls < 4 || calls > 8 {
			t.Errorf("the resolver was asked %d times in 5s, want 4 to 8", calls)
		}
		d.fail(nil)
		time.Sleep(5 * time.Second)
		wantCode(t, v, token, "")
	})
}

func TestALookUpHasADeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPatient()
		d := &directory{delay: time.Hour}
		v := newDynamic(t, 10, d)
		start := time.Now()
		wantCode(t, v, p.Token(nil), verifier.CodeJWKSFetchFailed)
		if waited := time.Since(start); waited != 3*time.Second {
			t.Errorf("the call waited for %v, want 3s", waited)
		}
	})
}

func TestAConfigurationThatDoesNotFitIsNotUsed(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		change func(*verifier.Config)
		want   string // in the error
	}{
		{"of another issuer", func(c *verifier.Config) { c.Issuer = "https://other.test" }, `"https://other.test"`},
		{"of the same issuer with a slash", func(c *verifier.Config) { c.Issuer += "/" }, `"https://issuer.test/"`},
		{"without an audience", func(c *verifier.Config) { c.Audiences = nil }, `"https://issuer.test": Config.Audiences`},
		{"without anything", func(c *verifier.Config) { *c = verifier.Config{} }, "Config.Issuer"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newPatient()
			v, err := verifier.NewDynamic(verifier.DynamicConfig{AllowPrivateAddresses: true, Capacity: 10, Resolve: func(context.Context, string) (verifier.Config, error) {
				config := p.config()
				test.change(&config)
				return config, nil
			}})
			if err != nil {
				t.Fatal(err)
			}
			_, err = v.Verify(t.Context(), p.Token(nil))
			if _, ok := errors.AsType[*verifier.KeysError](err); !ok || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Verify: %v, want a KeysError that says %s", err, test.want)
			}
			wantFetches(t, p, 0)
		})
	}
}

func TestAPanicOfTheResolverIsAFailedLookUp(t *testing.T) {
	t.Parallel()
	v, err := verifier.NewDynamic(verifier.DynamicConfig{AllowPrivateAddresses: true, Capacity: 10, Resolve: func(context.Context, string) (verifier.Config, error) { panic("a bug") }})
	if err != nil {
		t.Fatal(err)
	}
	wantCode(t, v, newPatient().Token(nil), verifier.CodeJWKSFetchFailed)
}

// A minute of made-up issuers, two hundred a second: the resolver is asked no more than
// the bucket allows, the one tenant that there is room for keeps its place, and its
// tokens do not wait.
func TestMadeUpIssuersCostLittleAndEvictNoTenant(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, d, v, token := oneTenant(t, 1)
		start := time.Now()
		for i := 0; time.Since(start) < time.Minute; i++ {
			_, err := v.Verify(t.Context(), p.Token(map[string]any{"iss": fmt.Sprint("https://made-up.test/", i)}))
			failure, ok := errors.AsType[*verifier.KeysError](err)
			if verifier.CodeOf(err) != verifier.CodeInvalidIssuer && (!ok || failure.RetryAfter > 100*time.Millisecond) {
				t.Fatalf("Verify: %v, want %q or a refill of up to 100ms", err, verifier.CodeInvalidIssuer)
			}
			takesNoTime(t, func() { wantCode(t, v, token, "") })
			time.Sleep(5 * time.Millisecond)
		}
		d.wantCalls(t, 1+64+599)
		wantFetches(t, p, 1)
	})
}

// Tenants that exist are not held up: what they took from the bucket is given back.
// Forged tokens may name issuers that there are, more of them than have a place.
func TestForgedTokensOfRealIssuersCostLittleAndEvictNoTenant(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &directory{}
		var tenants []*patient
		for i := range 100 {
			p := newPatientAt(fmt.Sprintf("https://t%d.test", i))
			tenants = append(tenants, p)
			d.add(p.config())
		}
		v := newDynamic(t, 2, d)
		good := lasting(tenants[0].Issuer)
		wantCode(t, v, good, "")
		for n := range 6000 {
			p := tenants[n%len(tenants)]
			_, _ = v.Verify(t.Context(), withKid(p.Token(nil), fmt.Sprint("made-up-", n)))
			time.Sleep(10 * time.Millisecond)
		}
		if n := d.calls(); n > 1+64+600 {
			t.Errorf("the resolver was asked %d times within a minute, want 64 and ten a second", n)
		}
		tenants[0].suffer(resets)
		wantCode(t, v, good, "") // by the keys that are held
	})
}

func TestResolverThatIgnoresItsContextHoldsNoCallUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		released := make(chan struct{})
		v, err := verifier.NewDynamic(verifier.DynamicConfig{AllowPrivateAddresses: true, Capacity: 1, Resolve: func(context.Context, string) (verifier.Config, error) {
			<-released
			return verifier.Config{}, verifier.ErrUnknownIssuer
		}})
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		wantCode(t, v, newPatient().Token(nil), verifier.CodeJWKSFetchFailed)
		if waited := time.Since(start); waited > 4*time.Second {
			t.Errorf("the call waited %v, want 3s and a moment", waited)
		}
		close(released)
	})
}

func TestManyColdTenantsAreServedWithinAMoment(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPatient()
		d := &directory{delay: 10 * time.Millisecond}
		v := newDynamic(t, 1000, d)
		var wg sync.WaitGroup
		start := time.Now()
		for i := range 500 {
			config := offline(p.Issuer)
			config.Issuer = fmt.Sprint("https://tenant.test/", i)
			d.add(config)
			token := p.Token(map[string]any{"iss": config.Issuer})
			wg.Go(func() {
				for {
					_, err := v.Verify(t.Context(), token)
					if err == nil {
						return
					}
					failure, ok := errors.AsType[*verifier.KeysError](err)
					if !ok {
						t.Errorf("Verify: %v, want a KeysError at worst", err)
						return
					}
					time.Sleep(failure.RetryAfter)
					if time.Since(start) > time.Minute {
						t.Error("a tenant was not served for a minute")
						return
					}
				}
			})
		}
		wg.Wait()
		if took := time.Since(start); took > time.Second {
			t.Errorf("500 tenants took %v, want up to 1s", took)
		}
		d.wantCalls(t, 500)
	})
}

func TestTheTenantUsedLeastGivesWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b, c := newPatientAt("https://a.test"), newPatientAt("https://b.test"), newPatientAt("https://c.test")
		d := &directory{}
		d.add(a.config(), b.config(), c.config())
		v := newDynamic(t, 2, d)
		for _, p := range []*patient{a, b, a, c, a} {
			wantCode(t, v, p.Token(nil), "")
		}
		d.wantCalls(t, 3)
		wantCode(t, v, b.Token(nil), "")
		d.wantCalls(t, 4)
	})
}

func TestATenantThatIsRemovedIsRefusedWithinFiveMinutes(t *testing.T) {
	t.Parallel()
	for name, interval := range map[string]time.Duration{
		"under traffic":      time.Second,
		"after a quiet time": 6 * time.Minute,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, d, v, token := oneTenant(t, 10)
				d.remove(p.URL())
				removed := time.Now()
				for {
					time.Sleep(interval)
					if _, err := v.Verify(t.Context(), token); verifier.CodeOf(err) == verifier.CodeInvalidIssuer {
						break
					}
					if time.Since(removed) >= 5*time.Minute {
						t.Fatal("the tenant is still there")
					}
				}
				d.wantCalls(t, 2)
			})
		})
	}
}

func TestATenantKeepsItsKeysUntilItsConfigurationChanges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPatient()
		d := &directory{}
		config := p.config()
		config.KeysTTL = 24 * time.Hour
		config.OnFetch = func(verifier.FetchEvent) {}
		d.add(config)
		v := newDynamic(t, 10, d)
		token := lasting(p.Issuer)
		for range 5 {
			wantCode(t, v, token, "")
			time.Sleep(5 * time.Minute)
		}
		wantFetches(t, p, 1)
		config.Require.Scopes = []string{"read"}
		d.add(config)
		wantCode(t, v, token, verifier.CodeInsufficientScope)
		d.wantCalls(t, 6)
	})
}

// The resolver is asked ahead of time: in an outage of it, no call waits for an hour and
// five minutes, and then none is judged.
func TestTenantsOutliveAnOutageOfTheResolver(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(*directory){
		"it fails": func(d *directory) { d.fail(errDatabase) },
		"it hangs": func(d *directory) { d.delayBy(time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, d, v, token := oneTenant(t, 10)
				fail(d)
				for start := time.Now(); time.Since(start) < 65*time.Minute; time.Sleep(5 * time.Second) {
					takesNoTime(t, func() { wantCode(t, v, token, "") })
				}
				wantCode(t, v, token, verifier.CodeJWKSFetchFailed)
				if calls := d.calls(); calls > 1+13+125 {
					t.Errorf("the resolver was asked %d times in an hour, want up to 139", calls)
				}
				d.fail(nil)
				d.delayBy(0)
				time.Sleep(65 * time.Second)
				wantCode(t, v, token, "")
			})
		})
	}
}

func TestAForgottenTenantIsLookedUpAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, d, v, token := oneTenant(t, 10)
		d.remove(p.URL())
		v.Forget(p.URL())
		wantCode(t, v, token, verifier.CodeInvalidIssuer)
		d.add(p.config())
		v.Forget(p.URL())
		wantCode(t, v, token, "")

		// An answer from before must not bring it back.
		v.Forget(p.URL())
		d.delayBy(time.Second)
		var wg sync.WaitGroup
		wg.Go(func() { wantCode(t, v, token, verifier.CodeInvalidIssuer) })
		synctest.Wait()
		d.remove(p.URL())
		v.Forget(p.URL())
		wg.Wait()
		wantCode(t, v, token, verifier.CodeInvalidIssuer)
	})
}

func TestALongIssuerIsNotLookedUp(t *testing.T) {
	t.Parallel()
	d := &directory{}
	v := newDynamic(t, 10, d)
	p := newPatient()
	wantCode(t, v, p.Token(map[string]any{"iss": "https://" + strings.Repeat("a", 2048)}), verifier.CodeInvalidIssuer)
	d.wantCalls(t, 0)
	wantCode(t, v, p.Token(map[string]any{"iss": strings.Repeat("a", 2048)}), verifier.CodeInvalidIssuer)
	d.wantCalls(t, 1)
}

func TestNewDynamicNeedsAResolverAndRoom(t *testing.T) {
	t.Parallel()
	if v, err := verifier.NewDynamic(verifier.DynamicConfig{AllowPrivateAddresses: true, Capacity: 10, Resolve: nil}); err == nil || v != nil {
		t.Error("NewDynamic without a Resolver, want an error")
	}
	for _, capacity := range []int{-1, 1_000_001} {
		if v, err := verifier.NewDynamic(verifier.DynamicConfig{AllowPrivateAddresses: true, Capacity: capacity, Resolve: (&directory{}).resolve}); err == nil || v != nil {
			t.Errorf("NewDynamic with capacity %d, want an error", capacity)
		}
	}
}

// Keys and tenants follow one rule: a look-up that began in time makes no call wait.
func TestNoCallWaitsForALookUpThatBeganInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, d, v, token := oneTenant(t, 10)
		d.delayBy(2 * time.Second)
		time.Sleep(4*time.Minute + 59*time.Second)
		wantCode(t, v, token, "") // starts the look-up, which takes two seconds
		time.Sleep(1500 * time.Millisecond)
		takesNoTime(t, func() { wantCode(t, v, token, "") })
		time.Sleep(5 * time.Second)
	})
}
