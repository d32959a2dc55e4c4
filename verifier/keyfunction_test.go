package verifier_test

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// A keyFunction returns an issuer's keys, unless it is told to do something else.
type keyFunction struct {
	*verifiertest.Issuer

	instead atomic.Pointer[func(context.Context) ([]byte, error)]
	calls   atomic.Int64
}

func newKeyFunction() *keyFunction { return &keyFunction{Issuer: verifiertest.NewIssuer()} }

func (f *keyFunction) fetch(ctx context.Context) ([]byte, error) {
	f.calls.Add(1)
	if instead := f.instead.Load(); instead != nil {
		return (*instead)(ctx)
	}
	return f.JWKS(), nil
}

func (f *keyFunction) suffer(instead func(context.Context) ([]byte, error)) {
	f.instead.Store(&instead)
}

func (f *keyFunction) recover() { f.instead.Store(nil) }

func (f *keyFunction) config() verifier.Config {
	config := f.Config()
	config.HTTPClient = nil
	config.FetchJWKS = f.fetch
	return config
}

func (f *keyFunction) wantCalls(t testing.TB, want int64) {
	t.Helper()
	if got := f.calls.Load(); got != want {
		t.Errorf("FetchJWKS was called %d times, want %d", got, want)
	}
}

func TestCallsShareOneCallOfFetchJWKS(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newKeyFunction()
		f.suffer(func(context.Context) ([]byte, error) {
			time.Sleep(time.Second)
			return f.JWKS(), nil
		})
		v := newVerifier(t, f.config())
		f.wantCalls(t, 0)
		token := lasting(f.Issuer)
		var wg sync.WaitGroup
		for range 1000 {
			wg.Go(func() { accept(t, v, token) })
		}
		wg.Wait()
		f.wantCalls(t, 1)
	})
}

func TestFetchJWKSIsCalledAheadOfTimeAndForUnknownKids(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newKeyFunction()
		v := newVerifier(t, f.config())
		token := lasting(f.Issuer)
		for range 170 {
			accept(t, v, token)
			time.Sleep(time.Second)
		}
		f.wantCalls(t, 1)
		for range 130 {
			takesNoTime(t, func() { accept(t, v, token) })
			time.Sleep(time.Second)
		}
		f.wantCalls(t, 2)
		f.Rotate()
		accept(t, v, lasting(f.Issuer))
		f.wantCalls(t, 3)
		refuse(t, v, token, verifier.CodeKeyNotFound)
	})
}

func TestFailuresOfFetchJWKSAreAnOutage(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		result []byte
		err    error
		code   verifier.Code
		want   string
	}{
		{"an error", nil, errDatabase, verifier.CodeJWKSFetchFailed, "jwks_fetch_failed: Config.FetchJWKS: database is down"},
		{"nothing", nil, nil, verifier.CodeJWKSError, "jwks_error: Config.FetchJWKS: not a JWK Set document"},
		{"too much", bytes.Repeat([]byte(" "), 1<<20+1), nil, verifier.CodeJWKSError, "jwks_error: Config.FetchJWKS: more than 1048576 bytes"},
		{"no keys", []byte(`{"keys":[]}`), nil, verifier.CodeJWKSError, "jwks_error: Config.FetchJWKS: the key set has no usable key: it lists none"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newKeyFunction()
				v := newVerifier(t, f.config())
				token := lasting(f.Issuer)
				accept(t, v, token)
				f.suffer(func(context.Context) ([]byte, error) { return test.result, test.err })
				start := time.Now()
				for verdict(t, v, token) == "" && time.Since(start) < 3*time.Hour {
					time.Sleep(time.Second)
				}
				if lived, want := time.Since(start), 5*time.Minute+time.Hour; lived != want {
					t.Errorf("keys were used for %v in an outage, want %v", lived, want)
				}
				if got := f.calls.Load(); got < 68 || got > 220 {
					t.Errorf("FetchJWKS was called %d times in an hour of outage, want the back-off of a URL", got)
				}
				failure := unavailable(t, v, token, test.code)
				if test.err != nil && !errors.Is(failure, test.err) {
					t.Errorf("the error is %v, want it to wrap FetchJWKS's", failure)
				}
				if got := v.Status()[0].LastError; got != test.want {
					t.Errorf("LastError = %q, want %q", got, test.want)
				}
				f.recover()
				time.Sleep(failure.RetryAfter)
				accept(t, v, token)
			})
		})
	}
}

func TestFetchJWKSThatMisbehavesHoldsNoCallUp(t *testing.T) {
	t.Parallel()
	for name, instead := range map[string]func(released <-chan struct{}) ([]byte, error){
		"deaf":   func(released <-chan struct{}) ([]byte, error) { <-released; return nil, errors.New("at last") },
		"gone":   func(<-chan struct{}) ([]byte, error) { runtime.Goexit(); return nil, nil },
		"panics": func(<-chan struct{}) ([]byte, error) { panic("broken function") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				released := make(chan struct{})
				f := newKeyFunction()
				f.suffer(func(context.Context) ([]byte, error) { return instead(released) })
				v := newVerifier(t, f.config())
				start := time.Now()
				unavailable(t, v, f.Token(nil), verifier.CodeJWKSError)
				if waited := time.Since(start); waited > 4*time.Second {
					t.Errorf("the call waited %v, want the 3s of FetchTimeout and a moment", waited)
				}
				f.recover()
				time.Sleep(time.Second)
				accept(t, v, f.Token(nil))
				close(released)
			})
		})
	}
}

func TestFetchJWKSHasFetchTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newKeyFunction()
		f.suffer(func(ctx context.Context) ([]byte, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
		config := f.config()
		config.FetchTimeout = 7 * time.Second
		v := newVerifier(t, config)
		start := time.Now()
		unavailable(t, v, f.Token(nil), verifier.CodeJWKSFetchFailed)
		if waited := time.Since(start); waited != config.FetchTimeout {
			t.Errorf("FetchJWKS had %v, want FetchTimeout, %v", waited, config.FetchTimeout)
		}
	})
}

// Issuers with keys from anywhere are judged side by side.
func TestMultiTakesKeysFromFilesAndFunctions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		file, function := newKeyFile(t), newKeyFunction()
		a, b := file.config(t), function.config()
		a.Issuer, b.Issuer = "urn:file", "urn:function"
		a.OnFetch = nil
		for kind, v := range map[string]interface {
			Verify(context.Context, string) (*verifier.Claims, error)
		}{
			"Multi": newMulti(t, a, b), "Dynamic": newDynamic(t, 10, func() *directory {
				d := &directory{}
				d.add(a, b)
				return d
			}()),
		} {
			good := map[string]string{
				a.Issuer: file.Token(map[string]any{"iss": a.Issuer}), b.Issuer: function.Token(map[string]any{"iss": b.Issuer}),
			}
			for issuer, token := range good {
				if _, err := v.Verify(t.Context(), token); err != nil {
					t.Errorf("%s, %s: %v", kind, issuer, err)
				}
			}
			crossed := file.Token(map[string]any{"iss": b.Issuer})
			if _, err := v.Verify(t.Context(), crossed); verifier.CodeOf(err) != verifier.CodeInvalidToken {
				t.Errorf("%s: %v, want %q for a token signed by another issuer", kind, err, verifier.CodeInvalidToken)
			}
		}
	})
}

// A Resolver may make a new function each time. The tenant keeps its keys through the function's
// outage, and the next fetch calls the latest.
func TestATenantKeepsItsKeysAndUsesTheLatestFetchJWKS(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newKeyFunction()
		d := &directory{}
		var latest atomic.Int64
		serve := func(version int64) {
			config := f.config()
			config.FetchJWKS = func(ctx context.Context) ([]byte, error) {
				latest.Store(version)
				return f.fetch(ctx)
			}
			d.add(config)
		}
		serve(0)
		v := newDynamic(t, 10, d)
		token := lasting(f.Issuer)
		wantCode(t, v, token, "")
		f.suffer(func(context.Context) ([]byte, error) { return nil, errDatabase })
		for version := range int64(30) {
			serve(version + 1)
			for range 60 {
				time.Sleep(time.Second)
				wantCode(t, v, token, "")
			}
		}
		if behind := 30 - latest.Load(); behind > 6 {
			t.Errorf("the function called is %d minutes old, want the last look-up's, 5 minutes old at most", behind)
		}
	})
}

// Looking at a file is not what the strangers' budget is for.
func TestATenantsFileCostsStrangersNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &directory{}
		var forged []string
		for i := range 20 {
			f := newKeyFile(t)
			config := f.config(t)
			config.Issuer = "urn:" + string(rune('a'+i))
			config.OnFetch = nil
			d.add(config)
			forged = append(forged, withKid(f.Token(map[string]any{"iss": config.Issuer}), "made-up"))
		}
		p := newPatient()
		d.add(p.config())
		v := newDynamic(t, 100, d)
		for range 20 {
			time.Sleep(time.Second)
			for _, token := range forged {
				_, _ = v.Verify(t.Context(), token)
			}
		}
		synctest.Wait()
		wantCode(t, v, p.Token(nil), "")
	})
}
