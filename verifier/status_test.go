package verifier_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

func TestStatusFollowsTheKeys(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPatient()
		config := p.config()
		v := newVerifier(t, config)
		token := lasting(p.Issuer)
		want := verifier.Status{Issuer: p.URL()}
		check := func(when string) verifier.Status {
			t.Helper()
			got := v.Status()[0]
			if next := got.NextRefresh; want.NextRefresh.IsZero() && !next.IsZero() {
				want.NextRefresh = next // checked by the caller
			}
			if got != want {
				t.Errorf("%s: Status() = %+v, want %+v", when, got, want)
			}
			want.NextRefresh = time.Time{}
			return got
		}
		check("before the first call")
		wantFetches(t, p, 0)

		start := time.Now()
		accept(t, v, token)
		want.Usable, want.Keys, want.UsableKeys, want.KeysSince, want.LastSuccess = true, 1, 1, start, start
		want.KeysUntil, want.Fetches, want.Verified = start.Add(65*time.Minute), 1, 1
		status := check("after the first call")
		if next := status.NextRefresh.Sub(start); next < 3*time.Minute || next > 5*time.Minute {
			t.Errorf("the next refresh is in %v, want 60 to 95 %% of 5m", next)
		}

		p.suffer(resets)
		time.Sleep(5 * time.Minute)
		want.Usable = false // without asking the issuer
		check("after a quiet time")
		accept(t, v, token)
		failed := time.Now()
		want.Usable, want.Failures, want.LastFailure = true, 1, failed
		want.Fetches, want.FailedFetches, want.Verified = 2, 1, 2
		want.LastError = "jwks_fetch_failed: GET https://issuer.test/jwks: read tcp: connection reset by peer"
		status = check("in an outage")
		if next := status.NextRefresh.Sub(failed); next <= 0 || next > 250*time.Millisecond {
			t.Errorf("the next refresh is in %v, want the back-off", next)
		}

		p.recover()
		time.Sleep(time.Second)
		accept(t, v, token)
		synctest.Wait()
		want.Failures, want.LastSuccess = 0, time.Now() // and the last failure stays for those who look later
		want.KeysUntil, want.Fetches = time.Now().Add(65*time.Minute), 3
		check("after the outage")

		p.Rotate()
		time.Sleep(5 * time.Minute)
		accept(t, v, p.Token(nil))
		want.KeysSince, want.LastSuccess = time.Now(), time.Now()
		want.KeysUntil, want.Fetches, want.Verified = time.Now().Add(65*time.Minute), 4, 3
		check("after a rotation")

		p.suffer(resets)
		time.Sleep(66 * time.Minute)
		unavailable(t, v, token, verifier.CodeJWKSFetchFailed)
		want.Usable, want.Failures, want.LastFailure = false, 1, time.Now()
		want.Fetches, want.FailedFetches = 5, 2
		check("past max stale")
	})
}

func TestOnFetchHearsOfEveryFetch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPatient()
		slow := slowly(p.Issuer, 50*time.Millisecond)
		p.respond = slow.respond
		var events fetches
		config := p.config()
		config.OnFetch = events.add
		v := newVerifier(t, config)
		token := lasting(p.Issuer)
		accept(t, v, token) // first
		time.Sleep(5 * time.Minute)
		accept(t, v, token) // refresh
		time.Sleep(time.Millisecond)
		p.Rotate()
		accept(t, v, lasting(p.Issuer)) // unknown kid
		time.Sleep(time.Millisecond)
		p.respond = answers(200, `{"keys":[]}`)
		for range 2 {
			failure := unavailable(t, v, token, verifier.CodeJWKSError)
			time.Sleep(failure.RetryAfter)
		}
		p.respond = slow.respond
		refuse(t, v, token, verifier.CodeKeyNotFound)
		synctest.Wait()

		var got []string
		for _, e := range events.all() {
			if e.Issuer != p.URL() {
				t.Errorf("Issuer = %q, want %q", e.Issuer, p.URL())
			}
			got = append(got, fmt.Sprint(e.Reason, " ", e.Outcome, " ", e.Duration, " ", e.Keys, " ", e.Failures, " ", e.Err))
		}
		unusable := "jwks_error: GET https://issuer.test/jwks: the key set has no usable key: it lists none"
		want := []string{
			"first changed 50ms 1 0 <nil>",
			"refresh unchanged 50ms 1 0 <nil>",
			"unknown_kid changed 50ms 1 0 <nil>",
			"unknown_kid failed 0s 0 1 " + unusable,
			"unknown_kid failed 0s 0 2 " + unusable,
			"unknown_kid unchanged 50ms 1 2 <nil>",
		}
		if !slices.Equal(got, want) {
			t.Errorf("events:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}

func TestCallsDoNotWaitForOnFetch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPatient()
		config := p.config()
		config.OnFetch = func(verifier.FetchEvent) { time.Sleep(time.Hour) }
		v := newVerifier(t, config)
		takesNoTime(t, func() { accept(t, v, p.Token(nil)) })
		time.Sleep(time.Millisecond)
		p.Rotate()
		takesNoTime(t, func() { accept(t, v, p.Token(nil)) })
		time.Sleep(time.Hour)
	})
}

// An hour of calls through an outage and a rotation: a line for each change of state.
func TestLoggerGetsOneLinePerChangeOfState(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPatient()
		var lines bytes.Buffer
		config := p.config()
		config.Logger = slog.New(slog.NewTextHandler(&lines, &slog.HandlerOptions{
			ReplaceAttr: func(_ []string, attr slog.Attr) slog.Attr {
				if attr.Key == slog.TimeKey {
					return slog.Attr{}
				}
				return attr
			},
		}))
		v := newVerifier(t, config)
		token := lasting(p.Issuer)
		callFor := func(d time.Duration) {
			for start := time.Now(); time.Since(start) < d; time.Sleep(2 * time.Second) {
				_ = verdict(t, v, token)
				_ = verdict(t, v, withKid(token, "made-up"))
			}
			synctest.Wait()
		}
		callFor(20 * time.Minute)
		p.suffer(func(*http.Request) (*http.Response, error) { return nil, errReset })
		callFor(20 * time.Minute)
		p.recover()
		callFor(20 * time.Minute)
		p.Rotate()
		callFor(10 * time.Minute)
		p.suffer(func(*http.Request) (*http.Response, error) { return nil, errReset })
		callFor(80 * time.Minute) // longer than KeysTTL and KeysMaxStale
		p.recover()
		callFor(20 * time.Minute)

		got := strings.Split(strings.TrimSpace(lines.String()), "\n")
		want := []string{
			`level=INFO msg="issuer keys changed" issuer=https://issuer.test keys=1 usable=1`,
			`level=WARN msg="issuer lost" issuer=https://issuer.test reason=unknown_kid error="jwks_fetch_failed: GET https://issuer.test/jwks: read tcp: connection reset by peer"`,
			`level=INFO msg="issuer back" issuer=https://issuer.test failures=`,
			`level=INFO msg="issuer keys changed" issuer=https://issuer.test keys=1 usable=1`,
			`level=WARN msg="issuer lost" issuer=https://issuer.test`,
			`level=ERROR msg="issuer keys unavailable: calls fail" issuer=https://issuer.test error="jwks_fetch_failed: `,
			`level=INFO msg="issuer back" issuer=https://issuer.test failures=`,
		}
		if !slices.EqualFunc(got, want, strings.HasPrefix) {
			t.Errorf("log:\n%s\nwant:\n%s", lines.String(), strings.Join(want, "\n"))
		}
	})
}

func TestStatusCountsTheUsableAmongTheListedKeys(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	config := issuer.Config()
	config.JWKS = []byte(strings.Replace(string(issuer.JWKS()), `{"keys":[`,
		`{"keys":[{"kty":"oct","k":"c2VjcmV0"},{"kty":"RSA","use":"enc","n":"AQAB","e":"AQAB"},`, 1))
	status := newVerifier(t, config).Status()[0]
	if status.Keys != 3 || status.UsableKeys != 1 {
		t.Errorf("Status: %d of %d keys are usable, want 1 of 3", status.UsableKeys, status.Keys)
	}
}
