package client_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/interceptor/client"
	"github.com/oidcrpc/oidcrpc/verifier"
)

func TestOnlyWhatAnotherTokenCuresIsSentAgain(t *testing.T) {
	for code, want := range map[verifier.Code]bool{
		verifier.CodeTokenExpired:                   true,
		verifier.CodeInvalidToken:                   true,
		verifier.CodeKeyNotFound:                    true,
		"token_revoked":                             true,
		"":                                          false,
		"unknown":                                   false,
		verifier.CodeMissingToken:                   false,
		verifier.CodeInvalidRequest:                 false,
		verifier.CodeMalformedToken:                 false,
		verifier.CodeInvalidAudience:                false,
		verifier.CodeInvalidIssuer:                  false,
		verifier.CodeDisallowedAlg:                  false,
		verifier.CodeMissingClaim:                   false,
		verifier.CodeTokenNotYetValid:               false,
		verifier.CodeInsufficientScope:              false,
		verifier.CodeInsufficientPermissions:        false,
		verifier.CodeInsufficientUserAuthentication: false,
		verifier.CodeJWKSFetchFailed:                false,
	} {
		synctest.Test(t, func(t *testing.T) {
			e := &endpoint{life: time.Hour}
			s := client.NewSource(e.fetch)
			refusal := refused()
			refusal.Code = code
			if got := s.Retry(t.Context(), mustCredential(t, s), refusal) != nil; got != want {
				t.Errorf("%q is sent again: %v, want %v", code, got, want)
			}
			if asked := e.requests() == 2; asked != want {
				t.Errorf("%q costs a token: %v, want %v", code, asked, want)
			}
		})
	}
}

func TestRefusalInADetailAloneIsSentAgainOnlyIfTheCallMayBeMadeTwice(t *testing.T) {
	for _, idempotent := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			s := client.NewSource((&endpoint{life: time.Hour}).fetch)
			refusal := client.ReadRefusal(client.Response{
				Code:       interceptor.CodeUnauthenticated,
				Details:    []client.Detail{ourDetail(t, "TOKEN_EXPIRED", `Bearer error="invalid_token"`)},
				Idempotent: idempotent,
			})
			if refusal.Code != verifier.CodeTokenExpired {
				t.Fatalf("Code = %q", refusal.Code)
			}
			if got := s.Retry(t.Context(), mustCredential(t, s), refusal) != nil; got != idempotent {
				t.Errorf("idempotent = %v: sent again = %v", idempotent, got)
			}
		})
	}
}

// A proxy may add a challenge of its own to what a handler has passed on.
func TestOnlyAChallengeThatSaysTheSameShowsThatTheServerRefused(t *testing.T) {
	for challenge, want := range map[string]bool{
		`Bearer error="invalid_token"`:                             true,
		`Basic realm="p", Bearer realm="a", error="invalid_token"`: true,
		`Bearer error="insufficient_scope"`:                        false,
		`Bearer realm="a"`:                                         false,
		`Basic realm="p"`:                                          false,
		`Basic realm="p", error="invalid_token"`:                   false,
	} {
		synctest.Test(t, func(t *testing.T) {
			s := client.NewSource((&endpoint{life: time.Hour}).fetch)
			refusal := client.ReadRefusal(client.Response{
				Code:    interceptor.CodeUnauthenticated,
				Header:  func(name string) []string { return map[string][]string{"www-authenticate": {challenge}}[name] },
				Details: []client.Detail{ourDetail(t, "TOKEN_EXPIRED", `Bearer error="invalid_token"`)},
			})
			if got := s.Retry(t.Context(), mustCredential(t, s), refusal) != nil; got != want {
				t.Errorf("%s: sent again = %v, want %v", challenge, got, want)
			}
		})
	}
}

func ourDetail(t *testing.T, reason, challenge string) client.Detail {
	t.Helper()
	value, err := proto.Marshal(&errdetails.ErrorInfo{
		Reason: reason, Domain: interceptor.ErrorDomain, Metadata: map[string]string{"challenge": challenge},
	})
	if err != nil {
		t.Fatal(err)
	}
	return client.Detail{Type: "type.googleapis.com/google.rpc.ErrorInfo", Value: value}
}

func TestServerCanAskForNoOtherAttempt(t *testing.T) {
	for pushback, want := range map[string]bool{"": true, "0": true, "100": true, "-1": false, "x": false} {
		synctest.Test(t, func(t *testing.T) {
			s := client.NewSource((&endpoint{life: time.Hour}).fetch)
			response := client.Response{
				Code:   interceptor.CodeUnauthenticated,
				Header: header("www-authenticate", `Bearer error="invalid_token"`),
			}
			if pushback != "" {
				response.Trailer = header("grpc-retry-pushback-ms", pushback)
			}
			refusal := client.ReadRefusal(response)
			if got := s.Retry(t.Context(), mustCredential(t, s), refusal) != nil; got != want {
				t.Errorf("grpc-retry-pushback-ms %q: sent again = %v, want %v", pushback, got, want)
			}
		})
	}
}

// A thousand calls are under way when their token is refused.
func TestRefusedCallsShareOneRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{life: time.Hour, latency: time.Second}
		s := client.NewSource(e.fetch)
		old := mustCredential(t, s)
		var again atomic.Int64
		var wg sync.WaitGroup
		for range 1000 {
			wg.Go(func() {
				if next := s.Retry(t.Context(), old, refused()); next != nil && next != old {
					again.Add(1)
				}
			})
		}
		wg.Wait()
		if again.Load() != 1000 || e.requests() != 2 {
			t.Errorf("%d of 1000 calls were sent again, for %d requests", again.Load(), e.requests()-1)
		}
		start := time.Now()
		if s.Retry(t.Context(), old, refused()); time.Since(start) != 0 || e.requests() != 2 {
			t.Error("a call that's refused late asks for a third token")
		}
	})
}

// For ten minutes a server refuses every token.
func TestServerThatRefusesEveryTokenSeesNoStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{life: time.Hour}
		s := client.NewSource(e.fetch)
		calls, again := 0, 0
		for start := time.Now(); time.Since(start) < 10*time.Minute; {
			calls++
			if s.Retry(t.Context(), mustCredential(t, s), refused()) != nil {
				again++
			}
			time.Sleep(2 * time.Millisecond)
		}
		if n := e.requests(); n > 1+10+600 {
			t.Errorf("%d requests for tokens, want ten at once and one a second", n)
		}
		if again > 1000 {
			t.Errorf("%d of %d calls were sent again, want 1000 at most", again, calls)
		}
	})
}

func TestCallsThatSucceedPayForRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := client.NewSource((&endpoint{life: time.Hour}).fetch)
		old := mustCredential(t, s)
		for range 1000 {
			if s.Retry(t.Context(), old, refused()) == nil {
				t.Fatal("the burst is smaller than 1000")
			}
		}
		retry := func() bool { return s.Retry(t.Context(), old, refused()) != nil }
		if retry() {
			t.Error("the budget isn't spent after 1000 retries")
		}
		for range 9 {
			succeed(t, s, old)
		}
		if retry() {
			t.Error("nine calls pay for a retry")
		}
		succeed(t, s, old)
		if !retry() {
			t.Error("ten calls don't pay for a retry")
		}
		for range 100_000 {
			succeed(t, s, old)
		}
		for range 1000 {
			retry()
		}
		if retry() {
			t.Error("the budget grows past 1000")
		}
	})
}

// succeed makes a call that the server accepts at once.
func succeed(t *testing.T, s *client.Source, c *client.Credential) {
	t.Helper()
	accept := func(sent *client.Credential) error {
		if sent != c {
			t.Error("the first attempt has another credential")
		}
		return nil
	}
	if refusal, err := s.Call(t.Context(), c, accept, nil); refusal != nil || err != nil {
		t.Fatal(refusal, err)
	}
}

func TestCallIsMadeOnceMoreAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := client.NewSource((&endpoint{life: time.Hour}).fetch)
		old := mustCredential(t, s)
		other := errors.New("another error")
		for name, test := range map[string]struct {
			errs     []error // of the attempts
			attempts int
			refused  bool
		}{
			"refused twice":               {[]error{errRefused, errRefused, nil}, 2, true},
			"refused, then another error": {[]error{errRefused, other, nil}, 2, false},
			"another error":               {[]error{other, nil}, 1, false},
		} {
			var sent []*client.Credential
			refusal, err := s.Call(t.Context(), old, func(c *client.Credential) error {
				sent = append(sent, c)
				return test.errs[len(sent)-1]
			}, func(err error) *client.Refusal {
				if errors.Is(err, errRefused) {
					return refused()
				}
				return nil
			})
			if len(sent) != test.attempts || (refusal != nil) != test.refused || !errors.Is(err, test.errs[test.attempts-1]) {
				t.Errorf("%s: %d attempts, %v, %v", name, len(sent), refusal, err)
			}
			if sent[0] != old || len(sent) > 1 && sent[1] == old {
				t.Errorf("%s: the attempts share a credential", name)
			}
		}
	})
}

func TestRetryThatSucceedsCostsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := client.NewSource((&endpoint{life: time.Hour}).fetch)
		old := mustCredential(t, s)
		for n := range 2000 {
			attempts := 0
			refusal, err := s.Call(t.Context(), old, func(*client.Credential) error {
				if attempts++; attempts == 1 {
					return errRefused
				}
				return nil
			}, func(error) *client.Refusal { return refused() })
			if attempts != 2 || refusal != nil || err != nil {
				t.Fatalf("after %d retries that succeeded: %d attempts, %v, %v", n, attempts, refusal, err)
			}
		}
		for range 1000 {
			s.Retry(t.Context(), old, refused())
		}
		refusal := refused()
		if s.Retry(t.Context(), old, refusal) != nil || refusal.Err == nil {
			t.Errorf("the budget isn't spent, or Err = %v doesn't say so", refusal.Err)
		}
	})
}

func TestSameTokenIsNotSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := client.NewSource(client.FromTokenSource(oauth2.StaticTokenSource(&oauth2.Token{AccessToken: "same"})))
		refusal := refused()
		if s.Retry(t.Context(), mustCredential(t, s), refusal) != nil || refusal.Err == nil {
			t.Errorf("it is sent again, or Err = %v doesn't say why not", refusal.Err)
		}
	})
}

func TestRefusalDuringAnOutageSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{life: time.Hour}
		s := client.NewSource(e.fetch)
		old := mustCredential(t, s)
		e.fail(errors.New("down"))
		refusal := refused()
		if s.Retry(t.Context(), old, refusal) != nil {
			t.Error("it is sent again without another token")
		}
		if _, ok := tokenErrorOf(refusal); !ok {
			t.Errorf("refusal.Err = %v, want a TokenError", refusal.Err)
		}
		if mustCredential(t, s) != old {
			t.Error("other calls don't go on with the token")
		}
	})
}

func TestRetryEndsWithItsCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{life: time.Hour, latency: 5 * time.Second}
		s := client.NewSource(e.fetch)
		old := mustCredential(t, s)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if s.Retry(ctx, old, refused()) != nil || time.Since(start) != time.Second {
			t.Errorf("Retry returned after %v, want the second of the call", time.Since(start))
		}
		time.Sleep(10 * time.Second) // the request goes on for others
	})
}
