package client_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"

	"github.com/oidcrpc/oidcrpc/interceptor/client"
)

// jwt returns a token with the given payload, which we only read.
func jwt(payload string) string {
	return "e30." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + ".c2ln"
}

// Each row says how long a token is sent while its endpoint has another one, with a call in each
// second, and how long while the endpoint is down.
func TestTokenIsSentForAsLongAsItLives(t *testing.T) {
	const never = 1000 * time.Hour
	in := func(d time.Duration) string { return jwt(fmt.Sprintf(`{"exp":%d}`, time.Now().Add(d).Unix())) }
	for _, test := range []struct {
		name      string
		token     func() *oauth2.Token
		most      time.Duration // with an endpoint
		inAnyCase time.Duration // without one
	}{
		{"an expiry", func() *oauth2.Token {
			return &oauth2.Token{AccessToken: "a", Expiry: time.Now().Add(time.Hour)}
		}, time.Hour, time.Hour},
		{"a JWT's expiry, if the endpoint says nothing", func() *oauth2.Token {
			return &oauth2.Token{AccessToken: in(30 * time.Minute)}
		}, 30 * time.Minute, 30 * time.Minute},
		{"the endpoint's word comes first", func() *oauth2.Token {
			return &oauth2.Token{AccessToken: in(2 * time.Hour), Expiry: time.Now().Add(time.Hour)}
		}, time.Hour, time.Hour},
		{"expires_in 0, which package oauth2 takes for none", func() *oauth2.Token {
			return (&oauth2.Token{AccessToken: "a"}).WithExtra(map[string]any{"expires_in": 0.0})
		}, time.Second, time.Second},
		{"no expiry known", func() *oauth2.Token { return &oauth2.Token{AccessToken: "a"} }, time.Hour, never},
		{"a JWT without exp", func() *oauth2.Token { return &oauth2.Token{AccessToken: jwt(`{}`)} }, time.Hour, never},
		{"an exp that is no number", func() *oauth2.Token { return &oauth2.Token{AccessToken: jwt(`{"exp":"1"}`)} }, time.Hour, never},
		{"an exp that is too large", func() *oauth2.Token { return &oauth2.Token{AccessToken: jwt(`{"exp":1e300}`)} }, time.Hour, never},
		{"an exp that has passed", func() *oauth2.Token {
			return &oauth2.Token{AccessToken: in(-time.Hour)}
		}, time.Second, time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				asked, down := 0, false
				s := client.NewSource(func(context.Context) (*oauth2.Token, error) {
					if asked++; down {
						return nil, context.DeadlineExceeded
					}
					return test.token(), nil
				})
				mustToken(t, s)
				start := time.Now()
				for asked == 1 {
					time.Sleep(time.Second)
					mustToken(t, s)
					synctest.Wait()
				}
				if sent := time.Since(start); sent > test.most || sent < test.most/2 {
					t.Errorf("it is sent for %v, want up to %v", sent, test.most)
				}
				down = true
				start = time.Now()
				for time.Since(start) < 10*time.Hour {
					if _, err := s.Token(t.Context()); err != nil {
						break
					}
					time.Sleep(time.Second)
				}
				if sent := time.Since(start); sent < min(test.inAnyCase, 10*time.Hour) || sent > test.inAnyCase+3*time.Second && test.inAnyCase != never {
					t.Errorf("in an outage it is sent for %v, want %v", sent, test.inAnyCase)
				}
			})
		})
	}
}

func TestMaxAgeReplacesATokenThatLivesLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{life: time.Hour}
		s := client.NewSource(e.fetch, client.WithMaxAge(time.Minute))
		for start := time.Now(); time.Since(start) < 10*time.Minute; {
			mustToken(t, s)
			time.Sleep(time.Second)
		}
		if n := e.requests(); n < 10 {
			t.Errorf("%d requests in ten minutes, want one a minute at least", n)
		}
		e.fail(context.DeadlineExceeded)
		for start := time.Now(); time.Since(start) < 58*time.Minute; {
			mustToken(t, s)
			time.Sleep(time.Second)
		}
	})
}
