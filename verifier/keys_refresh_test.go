package verifier_test

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
)

// A service with traffic refreshes behind the backs of its calls, once per time to
// live or a little more often.
func TestKeysAreRefreshedAheadOfTimeInTheBackground(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPatient()
		p.respond = slowly(p.Issuer, time.Second).respond
		v := newVerifier(t, p.config())
		token := lasting(p.Issuer)
		accept(t, v, token)
		start := time.Now()
		fetched := start.Add(-time.Second) // when the latest fetch was asked for
		intervals := make(map[time.Duration]bool)
		for seen := 1; time.Since(start) < 3*time.Hour; time.Sleep(time.Second) {
			takesNoTime(t, func() { accept(t, v, token) })
			if got := p.fetches(); got != seen {
				interval := time.Since(fetched)
				if interval < 3*time.Minute || interval > 5*time.Minute {
					t.Errorf("refreshed after %v, want 60 to 95 %% of 5m", interval)
				}
				intervals[interval] = true
				seen, fetched = got, time.Now()
			}
		}
		if len(intervals) < 20 {
			t.Errorf("only %d different intervals in three hours: want jitter", len(intervals))
		}
		time.Sleep(time.Second)
	})
}

func TestNothingIsFetchedWithoutACall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPatient()
		v := newVerifier(t, p.config())
		time.Sleep(time.Hour)
		wantFetches(t, p, 0)
		accept(t, v, lasting(p.Issuer))
		time.Sleep(24 * time.Hour)
		wantFetches(t, p, 1)
	})
}

func TestTokensOfAWithdrawnKeyAreRefusedWithinOneTimeToLive(t *testing.T) {
	t.Parallel()
	for name, interval := range map[string]time.Duration{
		"under traffic":      time.Second,
		"with rare calls":    2 * time.Minute,
		"after a quiet time": 5 * time.Minute,
		"after a quiet hour": time.Hour,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPatient()
				p.respond = slowly(p.Issuer, time.Second).respond
				v := newVerifier(t, p.config())
				token := lasting(p.Issuer)
				accept(t, v, token)
				p.Rotate()
				withdrawn := time.Now()
				for {
					time.Sleep(interval)
					began := time.Now()
					if verdict(t, v, token) == verifier.CodeKeyNotFound {
						break
					}
					if age := began.Sub(withdrawn); age >= 5*time.Minute {
						t.Fatalf("a token of a key that was withdrawn %v ago is accepted", age)
					}
				}
			})
		})
	}
}

func TestMaxAgeShortensTheTimeToLive(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, cacheControl string
		want               time.Duration // until a withdrawn key is not used
	}{
		{"shorter", "public, max-age=120", 2 * time.Minute},
		{"quoted, in capitals", `Max-Age="120"`, 2 * time.Minute},
		{"too short", "max-age=1", time.Minute},
		{"zero", "max-age=0, must-revalidate", time.Minute},
		{"longer", "max-age=86400", 5 * time.Minute},
		{"nonsense", "max-age=soon", 5 * time.Minute},
		{"negative", "max-age=-1", 5 * time.Minute},
		{"no-store", "no-store", 5 * time.Minute},
		{"no-cache", "no-cache", 5 * time.Minute},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPatient()
				p.suffer(func(req *http.Request) (*http.Response, error) {
					res, err := p.Issuer.RoundTrip(req)
					if err == nil {
						res.Header.Set("Cache-Control", test.cacheControl)
					}
					return res, err
				})
				v := newVerifier(t, p.config())
				token := lasting(p.Issuer)
				accept(t, v, token)
				time.Sleep(test.want*6/10 - time.Millisecond)
				accept(t, v, token)
				synctest.Wait()
				wantFetches(t, p, 1)
				time.Sleep(test.want*4/10 + time.Millisecond)
				accept(t, v, token)
				wantFetches(t, p, 2)
			})
		})
	}
}

// caching gives the issuer's answers an entity tag, and answers 304 to who has it.
func caching(p *patient, tag func() string) (conditional func() int) {
	var mu sync.Mutex
	asked := 0
	p.suffer(func(req *http.Request) (*http.Response, error) {
		res, err := p.Issuer.RoundTrip(req)
		if err != nil {
			return nil, err
		}
		etag := tag()
		if sent := req.Header.Get("If-None-Match"); sent != "" {
			mu.Lock()
			asked++
			mu.Unlock()
			if sent == etag {
				res = response(http.StatusNotModified, "")
			}
		}
		res.Header.Set("ETag", etag)
		return res, nil
	})
	return func() int {
		mu.Lock()
		defer mu.Unlock()
		return asked
	}
}

func TestNotModifiedRenewsTheKeys(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPatient()
		tag := `W/"1"`
		conditional := caching(p, func() string { return tag })
		config := p.config()
		var events fetches
		config.OnFetch = events.add
		v := newVerifier(t, config)
		token := lasting(p.Issuer)
		for range 3 {
			accept(t, v, token)
			time.Sleep(5 * time.Minute)
		}
		if got := conditional(); got != 2 {
			t.Errorf("%d requests with If-None-Match, want every refresh", got)
		}
		p.Rotate()
		tag = `"2"`
		refuse(t, v, token, verifier.CodeKeyNotFound)
		accept(t, v, p.Token(nil))
		wantFetches(t, p, 4)
		if got := conditional(); got != 3 {
			t.Errorf("%d requests with If-None-Match, want every refresh", got)
		}
		synctest.Wait()
		var outcomes []verifier.FetchOutcome
		for _, event := range events.all() {
			outcomes = append(outcomes, event.Outcome)
		}
		want := []verifier.FetchOutcome{"changed", "unchanged", "unchanged", "changed"}
		if !slices.Equal(outcomes, want) {
			t.Errorf("outcomes = %v, want %v", outcomes, want)
		}
	})
}

// A tag that does not change with the keys must not hide a rotation.
func TestAnUnknownKidIsLookedForWithoutACondition(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPatient()
		conditional := caching(p, func() string { return `"constant"` })
		v := newVerifier(t, p.config())
		accept(t, v, p.Token(nil))
		time.Sleep(time.Millisecond)
		p.Rotate()
		accept(t, v, p.Token(nil))
		wantFetches(t, p, 2)
		if conditional() != 0 {
			t.Error("the request had an If-None-Match")
		}
	})
}

// A tag that cannot be sent back must not make refreshes fail.
func TestUnfitEntityTagsAreIgnored(t *testing.T) {
	t.Parallel()
	for name, tag := range map[string]string{
		"a control character": "\"a\x01\"",
		"a line break":        "\"a\r\nX: y\"",
		"a space":             `"a b"`,
		"too long":            `"` + strings.Repeat("a", 300) + `"`,
		"empty":               "",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPatient()
				conditional := caching(p, func() string { return tag })
				config := p.config()
				config.KeysMaxStale = -1
				v := newVerifier(t, config)
				token := lasting(p.Issuer)
				accept(t, v, token)
				time.Sleep(5 * time.Minute)
				accept(t, v, token)
				wantFetches(t, p, 2)
				if conditional() != 0 {
					t.Error("the tag was sent back")
				}
			})
		})
	}
}

// A redirect may lead to another document of the same tag.
func TestEntityTagIsNotSentAlongARedirect(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPatient()
		before := p.JWKS()
		moved := false
		p.suffer(func(req *http.Request) (*http.Response, error) {
			body := before
			switch {
			case req.URL.Path == "/jwks" && moved:
				return redirect("/v2"), nil
			case req.URL.Path == "/jwks":
				return redirect("/v1"), nil
			case req.URL.Path == "/v2":
				body = p.JWKS()
			}
			if req.Header.Get("If-None-Match") != "" {
				return response(http.StatusNotModified, ""), nil
			}
			res := response(http.StatusOK, string(body))
			res.Header.Set("ETag", `"1"`)
			return res, nil
		})
		v := newVerifier(t, p.config())
		token := lasting(p.Issuer)
		accept(t, v, token)
		p.Rotate()
		moved = true
		time.Sleep(6 * time.Minute)
		if code := verdict(t, v, token); code != verifier.CodeKeyNotFound {
			t.Errorf("code = %q, want %q", code, verifier.CodeKeyNotFound)
		}
	})
}
