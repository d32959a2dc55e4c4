package client_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/interceptor/client"
	"github.com/oidcrpc/oidcrpc/verifier"
)

// A user grants what it's asked for, after some thought.
type user struct {
	thought time.Duration
	life    time.Duration

	mu    sync.Mutex
	err   error
	asked []*client.Refusal
}

func (u *user) authorize(ctx context.Context, r *client.Refusal) (*oauth2.Token, error) {
	u.mu.Lock()
	u.asked = append(u.asked, r)
	n, err := len(u.asked), u.err
	u.mu.Unlock()
	select {
	case <-time.After(u.thought):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	return &oauth2.Token{AccessToken: fmt.Sprint("granted-", n), Expiry: time.Now().Add(u.life)}, nil
}

func (u *user) runs() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.asked)
}

func newUser(t *testing.T) (*user, *endpoint, *client.Source) {
	t.Helper()
	u, e := &user{life: time.Hour}, &endpoint{life: 24 * time.Hour}
	return u, e, client.NewSource(e.fetch, client.WithAuthorize(u.authorize))
}

// lacks returns a refusal as any server sends it.
func lacks(challenge string) *client.Refusal {
	return client.ReadRefusal(client.Response{
		Code:   interceptor.CodePermissionDenied,
		Header: header("www-authenticate", "Bearer "+challenge),
	})
}

const (
	lacksWrite = `error="insufficient_scope", scope="write"`
	lacksLogin = `error="insufficient_user_authentication", acr_values="gold", max_age="60"`
)

// send returns the access token of a call that's sent again, or "".
func send(ctx context.Context, s *client.Source, refused *client.Credential, r *client.Refusal) string {
	if next := s.Retry(ctx, refused, r); next != nil {
		return next.Metadata()["authorization"]
	}
	return ""
}

func TestUserIsAskedForWhatTheCallLacks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u, e, s := newUser(t)
		old := mustCredential(t, s)
		challenge := lacksLogin + `, scope="a b", resource_metadata="https://api.test/.well-known/oauth-protected-resource"`
		if got := send(t.Context(), s, old, lacks(challenge)); got != "Bearer granted-1" {
			t.Fatalf("the call is sent with %q", got)
		}
		r := u.asked[0]
		if r.Code != verifier.CodeInsufficientUserAuthentication || fmt.Sprint(r.Scopes, r.ACRValues, r.MaxAge) != "[a b] [gold] 1m0s" ||
			r.ResourceMetadata != "https://api.test/.well-known/oauth-protected-resource" {
			t.Errorf("the user is asked for %+v", r)
		}
		if got := mustToken(t, s); got != "granted-1" {
			t.Errorf("the calls that follow send %s", got)
		}
		time.Sleep(time.Hour)
		if got := mustToken(t, s); got != "token-1" || e.requests() != 1 {
			t.Errorf("once it has expired they send %s", got)
		}
	})
}

func TestUserIsAskedOnlyForWhatAUserCanGrant(t *testing.T) {
	for code, want := range map[verifier.Code]bool{
		verifier.CodeInsufficientScope:              true,
		verifier.CodeInsufficientPermissions:        true,
		verifier.CodeInsufficientUserAuthentication: true,
		verifier.CodeInvalidAudience:                false,
		verifier.CodeTokenExpired:                   false,
		verifier.CodeMissingToken:                   false,
		"":                                          false,
	} {
		synctest.Test(t, func(t *testing.T) {
			u, _, s := newUser(t)
			refusal := lacks(lacksWrite)
			refusal.Code = code
			s.Retry(t.Context(), mustCredential(t, s), refusal)
			if got := u.runs() == 1; got != want {
				t.Errorf("%q asks the user: %v, want %v", code, got, want)
			}
		})
	}
}

// A handler's own lack is not its caller's.
func TestUpstreamsRefusalDoesNotAskTheUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u, _, s := newUser(t)
		refusal := client.ReadRefusal(client.Response{
			Code:    interceptor.CodePermissionDenied,
			Details: []client.Detail{ourDetail(t, "INSUFFICIENT_SCOPE", "Bearer "+lacksWrite)},
		})
		if s.Retry(t.Context(), mustCredential(t, s), refusal) != nil || u.runs() != 0 {
			t.Errorf("it is sent again, or the user was asked: %d", u.runs())
		}
	})
}

func TestCallsWithTheSameNeedShareOneRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u, _, s := newUser(t)
		u.thought = time.Minute
		old := mustCredential(t, s)
		var again atomic.Int64
		var wg sync.WaitGroup
		for range 500 {
			for _, challenge := range []string{`error="insufficient_scope", scope="a b"`, `error="insufficient_scope", scope="b a"`} {
				wg.Go(func() {
					if send(t.Context(), s, old, lacks(challenge)) == "Bearer granted-1" {
						again.Add(1)
					}
				})
			}
		}
		wg.Wait()
		if again.Load() != 1000 || u.runs() != 1 {
			t.Errorf("%d of 1000 calls were sent again after %d runs", again.Load(), u.runs())
		}
	})
}

func TestCallersCancelEndsItsOwnWaitForTheUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u, _, s := newUser(t)
		u.thought = time.Minute
		old := mustCredential(t, s)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		refusal := lacks(lacksWrite)
		if s.Retry(ctx, old, refusal) != nil || time.Since(start) != time.Second || !errors.Is(refusal, context.DeadlineExceeded) {
			t.Errorf("after %v: %v, want the context's error after its second", time.Since(start), refusal.Err)
		}
		if got := send(t.Context(), s, old, lacks(lacksWrite)); got != "Bearer granted-1" || u.runs() != 1 {
			t.Errorf("another call is sent with %q after %d runs", got, u.runs())
		}
	})
}

// The user has nothing better to give, or the server never has enough.
func TestUserIsNotAskedAgainAndAgain(t *testing.T) {
	for name, err := range map[string]error{"grants": nil, "declines": errors.New("no, thanks")} {
		synctest.Test(t, func(t *testing.T) {
			u, _, s := newUser(t)
			u.err = err
			again := 0
			for start := time.Now(); time.Since(start) < time.Minute; time.Sleep(10 * time.Millisecond) {
				refusal := lacks(lacksWrite)
				if s.Retry(t.Context(), mustCredential(t, s), refusal) != nil {
					again++
				} else if refusal.Err == nil || err != nil && !errors.Is(refusal, err) {
					t.Fatalf("a user who %s: Err = %v", name, refusal.Err)
				}
			}
			if n := u.runs(); n < 6 || n > 7 {
				t.Errorf("a user who %s is asked %d times in a minute, want every ten seconds", name, n)
			}
			if err != nil && again > 0 || again > 7 {
				t.Errorf("a user who %s: %d calls were sent again", name, again)
			}
		})
	}
}

func TestServerCannotAskTheUserForEverMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u, _, s := newUser(t)
		old := mustCredential(t, s)
		start := time.Now()
		for n := 0; time.Since(start) < time.Minute; n++ {
			s.Retry(t.Context(), old, lacks(fmt.Sprintf(`error="insufficient_scope", scope="s%d"`, n)))
			time.Sleep(10 * time.Millisecond)
		}
		if n := u.runs(); n > 5+6 {
			t.Errorf("a server that asks for more each time: %d runs in a minute, want five and one in ten seconds", n)
		}
	})
}

// Two needs don't take their tokens from each other.
func TestGrantAnswersItsNeedUntilItExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u, _, s := newUser(t)
		for n := range 100 {
			challenge, want := lacksWrite, "Bearer granted-1"
			if n%2 == 1 {
				challenge, want = lacksLogin, "Bearer granted-2"
			}
			if got := send(t.Context(), s, mustCredential(t, s), lacks(challenge)); got != want {
				t.Fatalf("call %d is sent with %q, want %q", n, got, want)
			}
			time.Sleep(20 * time.Second)
		}
		if u.runs() != 2 {
			t.Errorf("%d runs for two needs", u.runs())
		}
	})
}

// A login grows old.
func TestSameNeedAsksAgainForATokenThatNoLongerDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, s := newUser(t)
		send(t.Context(), s, mustCredential(t, s), lacks(lacksLogin))
		time.Sleep(time.Minute)
		if got := send(t.Context(), s, mustCredential(t, s), lacks(lacksLogin)); got != "Bearer granted-2" {
			t.Errorf("a minute later the call is sent with %q", got)
		}
	})
}

func TestRevokedGrantIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, e, s := newUser(t)
		old := mustCredential(t, s)
		send(t.Context(), s, old, lacks(lacksWrite))
		granted := mustCredential(t, s)
		if got := send(t.Context(), s, granted, refused()); got != "Bearer token-1" || e.requests() != 1 {
			t.Errorf("the call is sent with %q", got)
		}
		if got := mustToken(t, s); got != "token-1" {
			t.Errorf("the calls that follow send %s", got)
		}
		if got := send(t.Context(), s, old, lacks(lacksWrite)); got != "Bearer granted-2" {
			t.Errorf("the need is answered with %q", got)
		}
	})
}

func TestAuthorizeThatPanicsIsARefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := client.NewSource((&endpoint{life: time.Hour}).fetch,
			client.WithAuthorize(func(context.Context, *client.Refusal) (*oauth2.Token, error) { panic("authorize") }))
		refusal := lacks(lacksWrite)
		if s.Retry(t.Context(), mustCredential(t, s), refusal) != nil || refusal.Err == nil {
			t.Errorf("Err = %v, want the panic", refusal.Err)
		}
	})
}

func TestAuthorizeThatReturnsNoTokenIsARefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := client.NewSource((&endpoint{life: time.Hour}).fetch,
			client.WithAuthorize(func(context.Context, *client.Refusal) (*oauth2.Token, error) { return nil, nil }))
		refusal := lacks(lacksWrite)
		if s.Retry(t.Context(), mustCredential(t, s), refusal) != nil || refusal.Err == nil {
			t.Errorf("Err = %v, want that there's no token", refusal.Err)
		}
	})
}
