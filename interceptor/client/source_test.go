package client_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/interceptor/client"
)

func TestThousandGoroutinesCostOneRequestForEachToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{life: time.Minute, latency: time.Second}
		s := client.NewSource(e.fetch)
		const calls = 5000 // more than a server's source lets wait
		start := time.Now()
		var wg sync.WaitGroup
		for range calls {
			wg.Go(func() {
				for time.Since(start) < 10*time.Minute {
					if _, err := s.Token(t.Context()); err != nil {
						t.Errorf("Token: %v", err)
					}
					time.Sleep(10 * time.Second)
				}
			})
		}
		wg.Wait()
		time.Sleep(e.latency)                    // a last request may be under way
		if n := e.requests(); n < 11 || n > 20 { // replaced after 60 to 95 % of nine tenths of a minute
			t.Errorf("%d requests in ten minutes, want one for each token of a minute", n)
		}
	})
}

func TestTokenIsReplacedBeforeItExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{life: time.Hour, latency: time.Second}
		s := client.NewSource(e.fetch)
		mustToken(t, s)
		start := time.Now()
		for range 10 * 60 {
			time.Sleep(time.Minute)
			before := time.Now()
			token, err := s.Token(t.Context())
			if err != nil || time.Since(before) != 0 {
				t.Fatalf("after %v a call waits for %v: %v", time.Since(start), time.Since(before), err)
			}
			if left := time.Until(token.Expiry); left < time.Minute {
				t.Fatalf("a token is sent %v before it expires", left)
			}
		}
		time.Sleep(e.latency) // a last request may be under way
	})
}

// It might expire on its way.
func TestTokenIsNotSentInItsLastSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{life: time.Hour}
		s := client.NewSource(e.fetch)
		mustToken(t, s)
		time.Sleep(time.Hour - 10*time.Second) // without a call that would replace it
		if got := mustToken(t, s); got != "token-2" {
			t.Errorf("Token = %s, want a new one", got)
		}
	})
}

func TestReplacementsAreSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := make(map[time.Duration]bool)
		for range 20 {
			e := &endpoint{life: time.Hour}
			s := client.NewSource(e.fetch)
			mustToken(t, s)
			start := time.Now()
			for e.requests() == 1 {
				time.Sleep(time.Second)
				mustToken(t, s)
				synctest.Wait()
			}
			seen[time.Since(start)] = true
		}
		if len(seen) < 10 {
			t.Errorf("20 sources replace their tokens at %d different times, want jitter", len(seen))
		}
	})
}

func TestOutageIsHiddenWhileTheTokenLives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{life: time.Hour}
		s := client.NewSource(e.fetch)
		mustToken(t, s)
		e.fail(errors.New("down"))
		start := time.Now()
		for time.Since(start) < time.Hour-time.Second {
			mustToken(t, s)
			time.Sleep(time.Second)
		}
		time.Sleep(time.Second)
		_, err := s.Token(t.Context())
		tokenErr, ok := tokenErrorOf(err)
		if !ok || !tokenErr.Temporary() || tokenErr.Code() != interceptor.CodeUnavailable {
			t.Fatalf("after its hour: %v, want a TokenError that is Unavailable", err)
		}
		if tokenErr.RetryAfter <= 0 || tokenErr.RetryAfter > time.Second {
			t.Errorf("RetryAfter = %v, want up to a second", tokenErr.RetryAfter)
		}
	})
}

// No call fails because of what the endpoint has said to an earlier one.
func TestNoCallFailsOnceTheEndpointIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{life: time.Minute}
		s := client.NewSource(e.fetch)
		for range 20 {
			e.fail(errors.New("down"))
			for start := time.Now(); time.Since(start) < 5*time.Minute; {
				_, _ = s.Token(t.Context())
				time.Sleep(50 * time.Millisecond)
			}
			e.fail(nil)
			start := time.Now()
			if _, err := s.Token(t.Context()); err != nil || time.Since(start) > time.Second {
				t.Fatalf("the first call after an outage waits for %v: %v", time.Since(start), err)
			}
		}
	})
}

func TestOutageCostsAtMostTwoRequestsASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{err: errors.New("down")}
		s := client.NewSource(e.fetch)
		for start := time.Now(); time.Since(start) < time.Minute; {
			_, _ = s.Token(t.Context())
			time.Sleep(time.Millisecond)
		}
		if n := e.requests(); n > 2*60+3 {
			t.Errorf("%d requests in a minute of outage", n)
		}
	})
}

func TestRetryAfterOfTheEndpointIsHonored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{err: &oauth2.RetrieveError{Response: &http.Response{
			StatusCode: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"3"}},
		}}}
		s := client.NewSource(e.fetch)
		start := time.Now()
		_, err := s.Token(t.Context())
		if tokenErr, ok := tokenErrorOf(err); !ok || tokenErr.RetryAfter != 3*time.Second || time.Since(start) != 0 {
			t.Errorf("Token: %v after %v, want a TokenError with 3s at once", err, time.Since(start))
		}
		_, _ = s.Token(t.Context())
		if n := e.requests(); n != 1 {
			t.Errorf("%d requests within the 3 s", n)
		}
	})
}

func TestRefusedClientIsUnauthenticated(t *testing.T) {
	for status, want := range map[int]interceptor.Code{
		400: interceptor.CodeUnauthenticated, 401: interceptor.CodeUnauthenticated, 403: interceptor.CodeUnauthenticated,
		408: interceptor.CodeUnavailable, 429: interceptor.CodeUnavailable,
		302: interceptor.CodeUnavailable, 500: interceptor.CodeUnavailable, 503: interceptor.CodeUnavailable,
	} {
		err := &client.TokenError{Err: &oauth2.RetrieveError{Response: &http.Response{StatusCode: status}}}
		if got := err.Code(); got != want {
			t.Errorf("status %d: %v, want %v", status, got, want)
		}
	}
}

func TestCallersCancelEndsItsOwnWaitOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{life: time.Hour, latency: 5 * time.Second}
		s := client.NewSource(e.fetch)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var wg sync.WaitGroup
		wg.Go(func() {
			start := time.Now()
			if _, err := s.Token(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
				t.Errorf("Token: %v after %v, want the context's error after its second", err, time.Since(start))
			}
		})
		synctest.Wait()
		mustToken(t, s)
		wg.Wait()
		if n := e.requests(); n != 1 {
			t.Errorf("%d requests, want one", n)
		}
	})
}

func TestCallWithoutTimeForAnotherAttemptFailsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{err: errors.New("down")}
		s := client.NewSource(e.fetch)
		_, _ = s.Token(t.Context())
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := s.Token(ctx); err == nil || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Token: %v, want to hear of the outage", err)
		}
	})
}

func TestTokensThatNoCallCanSendAreRefused(t *testing.T) {
	for name, token := range map[string]*oauth2.Token{
		"none":            nil,
		"empty":           {},
		"a line break":    {AccessToken: "a\r\nX: y"},
		"a space":         {AccessToken: "a b"},
		"not ASCII":       {AccessToken: "ä"},
		"another type":    {AccessToken: "a", TokenType: "DPoP"},
		"no access token": {AccessToken: "a", TokenType: "N_A"},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := client.NewSource(func(context.Context) (*oauth2.Token, error) { return token, nil })
			if _, err := s.Token(t.Context()); err == nil {
				t.Errorf("%s: Token returns it", name)
			}
		})
	}
	s := client.NewSource(func(context.Context) (*oauth2.Token, error) {
		return &oauth2.Token{AccessToken: "a", TokenType: "bEARER"}, nil
	})
	if got := mustCredential(t, s); got.Header()[0] != "Bearer a" || got.Metadata()["authorization"] != "Bearer a" {
		t.Errorf("a call sends %q and %q", got.Header(), got.Metadata())
	}
}

func TestFetchThatPanicsOrHangsIsAnOutage(t *testing.T) {
	for name, fetch := range map[string]client.Fetch{
		"panics": func(context.Context) (*oauth2.Token, error) { panic("fetch") },
		"hangs": func(ctx context.Context) (*oauth2.Token, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			_, err := client.NewSource(fetch).Token(t.Context())
			if tokenErr, ok := tokenErrorOf(err); !ok || tokenErr.Code() != interceptor.CodeUnavailable {
				t.Errorf("a Fetch that %s: %v, want Unavailable", name, err)
			}
		})
	}
}

func TestNilFetchPanicsAtConstruction(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("NewSource(nil) did not panic")
		}
	}()
	client.NewSource(nil)
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestHTTPClientReachesTheFetch(t *testing.T) {
	var used atomic.Bool
	own := &http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) {
		used.Store(true)
		return nil, errors.New("own")
	})}
	for _, option := range []client.Option{client.WithHTTPClient(own), client.WithHTTPClient(nil)} {
		used.Store(false)
		s := client.NewSource(func(ctx context.Context) (*oauth2.Token, error) {
			c, ok := ctx.Value(oauth2.HTTPClient).(*http.Client)
			if !ok || c == nil {
				return nil, errors.New("no client")
			}
			if c == own {
				used.Store(true)
			}
			return &oauth2.Token{AccessToken: "a"}, nil
		}, option)
		mustToken(t, s)
	}
	if used.Load() {
		t.Error("nil isn't the default")
	}
	s := client.NewSource(func(ctx context.Context) (*oauth2.Token, error) {
		c := ctx.Value(oauth2.HTTPClient).(*http.Client)
		_, err := c.Get("http://x.test")
		return nil, err
	}, client.WithHTTPClient(own))
	if _, err := s.Token(t.Context()); err == nil || !strings.Contains(err.Error(), "own") {
		t.Errorf("Token: %v, want the own client's error", err)
	}
}
