package verifier_test

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
)

// A wanderer is an issuer whose keys move, and whose metadata may be unwell while they
// are not.
type wanderer struct {
	*patient

	jwksPath atomic.Pointer[string]
	metadata atomic.Pointer[func(*http.Request) (*http.Response, error)] // nil: they are well
}

func newWanderer() *wanderer {
	w := &wanderer{patient: newPatient()}
	w.move("/jwks")
	w.suffer(func(req *http.Request) (*http.Response, error) {
		switch {
		case req.Context().Err() != nil:
			return nil, req.Context().Err()
		case req.URL.Path == *w.jwksPath.Load():
			if err := sleep(req.Context(), time.Millisecond); err != nil { // what is on time needs some
				return nil, err
			}
			return response(http.StatusOK, string(w.JWKS())), nil
		case !strings.HasPrefix(req.URL.Path, "/.well-known/"):
			return response(http.StatusNotFound, ""), nil
		}
		if metadata := w.metadata.Load(); metadata != nil {
			return (*metadata)(req)
		}
		return response(http.StatusOK,
			`{"issuer":"`+w.URL()+`","jwks_uri":"`+w.URL()+*w.jwksPath.Load()+`"}`), nil
	})
	return w
}

func (w *wanderer) move(path string) { w.jwksPath.Store(&path) }

func (w *wanderer) metadataSuffer(ailment func(*http.Request) (*http.Response, error)) {
	w.metadata.Store(&ailment)
}

func (w *wanderer) config() verifier.Config {
	config := w.Config()
	config.HTTPClient = w.client()
	return config
}

func TestMovedKeysAreFoundWithinOneTimeToLive(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWanderer()
		v := newVerifier(t, w.config())
		token := lasting(w.Issuer)
		accept(t, v, token)
		w.move("/new-jwks")
		moved := time.Now()
		for requested := func() bool {
			for _, url := range w.requests() {
				if strings.HasSuffix(url, "/new-jwks") {
					return true
				}
			}
			return false
		}; !requested(); time.Sleep(time.Second) {
			takesNoTime(t, func() { accept(t, v, token) })
			if time.Since(moved) > 5*time.Minute {
				t.Fatal("the new place was not asked within KeysTTL")
			}
		}
	})
}

func TestANewKeyAtANewPlaceIsAcceptedAtFirstSight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWanderer()
		v := newVerifier(t, w.config())
		accept(t, v, w.Token(nil))
		time.Sleep(time.Millisecond)
		w.move("/new-jwks")
		w.Rotate()
		accept(t, v, w.Token(nil))
	})
}

// What an entity tag says of one place it does not say of another.
func TestKeysAtANewPlaceAreReadWhateverTheirEntityTag(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWanderer()
		answer := *w.ailment.Load()
		w.suffer(func(req *http.Request) (*http.Response, error) {
			res, err := answer(req)
			if req.Header.Get("If-None-Match") == `"1"` {
				res = response(http.StatusNotModified, "")
			}
			if err == nil {
				res.Header.Set("ETag", `"1"`)
			}
			return res, err
		})
		v := newVerifier(t, w.config())
		token := lasting(w.Issuer)
		accept(t, v, token)
		w.move("/new-jwks")
		w.Rotate()
		time.Sleep(5 * time.Minute)
		refuse(t, v, token, verifier.CodeKeyNotFound)
		accept(t, v, w.Token(nil))
	})
}

// ailments of metadata whose keys are well.
var ailments = []struct {
	name    string
	ailment func(*http.Request) (*http.Response, error)
	code    verifier.Code
}{
	{"reset", resets, verifier.CodeJWKSFetchFailed},
	{"hung", hangs, verifier.CodeJWKSFetchFailed},
	{"status 500", answers(500, ""), verifier.CodeJWKSFetchFailed},
	{"status 404", answers(404, ""), verifier.CodeJWKSFetchFailed},
	{"a page", answers(200, "<title>back soon</title>"), verifier.CodeJWKSError},
	{"of another issuer", answers(200, `{"issuer":"https://evil.test","jwks_uri":"https://evil.test/jwks"}`), verifier.CodeJWKSError},
	{"without keys", answers(200, `{"issuer":"https://issuer.test"}`), verifier.CodeJWKSError},
	{"of plain http", answers(200, `{"issuer":"https://issuer.test","jwks_uri":"http://issuer.test/jwks"}`), verifier.CodeJWKSError},
}

// Keys go on being refreshed at the place last named, new ones are found and withdrawn
// ones forgotten, and OnFetch hears of it every time.
func TestMetadataThatTurnBadDoNotTakeTheKeysAway(t *testing.T) {
	t.Parallel()
	for _, test := range ailments {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWanderer()
				var events fetches
				config := w.config()
				config.OnFetch = events.add
				v := newVerifier(t, config)
				withdrawn := lasting(w.Issuer)
				accept(t, v, withdrawn)
				w.metadataSuffer(test.ailment)
				w.Rotate()
				time.Sleep(5 * time.Minute)
				refuse(t, v, withdrawn, verifier.CodeKeyNotFound)
				accept(t, v, w.Token(nil))
				synctest.Wait()
				event := events.last()
				if event.Outcome != verifier.FetchChanged || event.Reason != verifier.FetchRefresh {
					t.Errorf("event = %+v, want changed keys by a refresh", event)
				}
				if code := verifier.CodeOf(event.Warning); code != test.code || event.Err != nil {
					t.Errorf("OnFetch heard %v and warning %v, want a warning with code %q", event.Err, event.Warning, test.code)
				}
				if status := v.Status()[0]; status.Failures != 0 || !status.Usable {
					t.Errorf("Status() = %+v, want no failed fetch", status)
				}
			})
		})
	}
}

// Where metadata once said that keys were must not be believed for ever.
func TestLastJWKSURIIsUsedForTTLPlusMaxStale(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		maxStale time.Duration
		want     time.Duration
	}{
		{"by default", 0, 65 * time.Minute},
		{"without stale keys", -1, 5 * time.Minute},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWanderer()
				var events fetches
				config := w.config()
				config.KeysMaxStale = test.maxStale
				config.OnFetch = events.add
				v := newVerifier(t, config)
				token := lasting(w.Issuer)
				accept(t, v, token)
				w.metadataSuffer(answers(503, ""))
				start := time.Now()
				lastGood := start
				for events.last().Outcome != verifier.FetchFailed {
					if time.Since(start) > 3*time.Hour {
						t.Fatal("keys are refreshed without metadata for hours")
					}
					lastGood = time.Now()
					_ = verdict(t, v, token)
					time.Sleep(time.Second)
					synctest.Wait()
				}
				// It's the first refresh past the bound that fails.
				if lasted := lastGood.Sub(start); lasted < test.want-time.Second || lasted > test.want+5*time.Minute {
					t.Errorf("keys were refreshed for %v without metadata, want about %v", lasted, test.want)
				}
				w.metadata.Store(nil)
				time.Sleep(time.Hour)
				accept(t, v, token)
			})
		})
	}
}

// When the place last named fails as well, both failures are told.
func TestAFailureAtTheLastPlaceNamesBothFailures(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWanderer()
		v := newVerifier(t, w.config())
		accept(t, v, w.Token(nil))
		time.Sleep(time.Millisecond)
		w.metadataSuffer(answers(503, ""))
		w.move("/elsewhere")
		w.Rotate()
		failure := unavailable(t, v, w.Token(nil), verifier.CodeJWKSFetchFailed)
		for _, want := range []string{"/jwks: status 404", "/openid-configuration: status 503"} {
			if !strings.Contains(failure.Error(), want) {
				t.Errorf("error %q does not say %q", failure, want)
			}
		}
	})
}

// Errors go to logs: a key in a query, or a URL that the issuer wrote, must not.
func TestFailuresDoNotQuoteQueriesOrRedirects(t *testing.T) {
	t.Parallel()
	for name, ailment := range map[string]func(*http.Request) (*http.Response, error){
		"a failed request": resets,
		"a status":         answers(500, "secret"),
		"a page":           answers(200, "secret"),
		"a redirect":       func(*http.Request) (*http.Response, error) { return redirect("https://evil.test/secret"), nil },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPatient()
				p.suffer(ailment)
				config := p.config()
				config.JWKSURL += "?key=secret"
				v := newVerifier(t, config)
				_, err := v.Verify(t.Context(), p.Token(nil))
				if err == nil || strings.Contains(err.Error(), "secret") || strings.Contains(v.Status()[0].LastError, "secret") {
					t.Errorf("error = %v, want one that does not quote", err)
				}
				if name == "a failed request" && !errors.Is(err, errReset) {
					t.Errorf("error = %v, want the transport's own in its tree", err)
				}
			})
		})
	}
}

// fetches collects events.
type fetches struct {
	mu     sync.Mutex
	events []verifier.FetchEvent
}

func (f *fetches) add(event verifier.FetchEvent) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.events = append(f.events, event)
}

func (f *fetches) all() []verifier.FetchEvent {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]verifier.FetchEvent(nil), f.events...)
}

func (f *fetches) last() verifier.FetchEvent {
	events := f.all()
	if len(events) == 0 {
		return verifier.FetchEvent{}
	}
	return events[len(events)-1]
}
