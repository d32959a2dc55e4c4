package feed_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier/revocation"
	"github.com/oidcrpc/oidcrpc/verifier/revocation/feed"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// Forged events may come as fast as they can: they change nothing, and what they cost is bounded.
func TestAFloodOfForgedEventsChangesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		issuer, stranger := verifiertest.NewIssuer(), verifiertest.NewIssuer()
		list := newList(t, revocation.Config{})
		logout := newLogout(t, list, feed.LogoutConfig{Verifier: issuer.Config()})
		push := newPush(t, list, feed.PushConfig{Signals: feed.Signals{Verifier: issuer.Config()}})
		const perSecond, seconds = 400, 3
		for range seconds {
			for i := range perSecond / 2 {
				kid := verifiertest.WithHeader("kid", fmt.Sprintf("kid-%d", i))
				id := map[string]any{"jti": fmt.Sprintf("forged-%d", i)}
				logOut(logout, stranger.Token(with(logoutClaims, id), typed, kid))
				send(push, eventType, stranger.Token(with(
					signalClaims(feed.SessionRevoked, aboutAlice(issuer), map[string]any{}), id), signed, kid))
			}
			time.Sleep(time.Second)
		}
		if got := issuer.Fetches(); got > 2*6 {
			t.Errorf("the keys were fetched %d times by two feeds, want at most 6 each", got)
		}
		nothingChanged(t, list)
		if w := logOut(logout, issuer.Token(logoutClaims, typed)); w.Code != http.StatusOK {
			t.Errorf("a good one afterwards: status %d, want 200", w.Code)
		}
	})
}

func TestABoundedNumberOfEventsIsTakenAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		issuer := verifiertest.NewIssuer()
		bus, reports := &testBus{held: make(chan struct{}), busy: make(chan struct{}, 3)}, &journal{}
		list := newList(t, revocation.Config{Bus: bus, Stale: revocation.Admit})
		l := newLogout(t, list, feed.LogoutConfig{
			Verifier: offline(issuer), MaxConcurrent: 2, Timeout: time.Minute, OnEvent: reports.add,
		})
		statuses := make(chan int, 2)
		for _, id := range []string{"one", "two"} {
			token := issuer.Token(with(logoutClaims, map[string]any{"jti": id}), typed)
			go func() { statuses <- logOut(l, token).Code }()
			<-bus.busy
		}
		w := logOut(l, issuer.Token(with(logoutClaims, map[string]any{"jti": "three", "sub": "carol"}), typed))
		if r := reports.last(); r.Outcome != feed.Failed || r.ID != "three" || len(bus.busy) > 0 {
			t.Errorf("one too many: report %+v, want a failure, and nothing on the bus", r)
		}
		if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
			t.Errorf("one too many: status %d, want 503 with Retry-After", w.Code)
		}
		close(bus.held)
		for range 2 {
			if status := <-statuses; status != http.StatusOK {
				t.Errorf("status %d, want 200", status)
			}
		}
		bus.mu.Lock()
		bus.held = nil
		bus.mu.Unlock()
		for i := range 5 {
			token := issuer.Token(with(logoutClaims, map[string]any{"jti": fmt.Sprint(i)}), typed)
			if w := logOut(l, token); w.Code != http.StatusOK {
				t.Errorf("afterwards: status %d, want 200", w.Code)
			}
		}
	})
}

// While the issuer's keys hang, forged events wait for them. They keep no good one out.
func TestForgedEventsHoldNoPlace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		issuer, stranger, list := verifiertest.NewIssuer(), verifiertest.NewIssuer(), newList(t, revocation.Config{})
		keys := &hangingKeys{next: issuer}
		config := issuer.Config()
		config.HTTPClient = &http.Client{Transport: keys}
		l := newLogout(t, list, feed.LogoutConfig{Verifier: config, MaxConcurrent: 2})
		if w := logOut(l, issuer.Token(logoutClaims, typed)); w.Code != http.StatusOK {
			t.Fatalf("with keys: status %d, want 200", w.Code)
		}
		keys.hang.Store(true)
		const forged = 5
		statuses := make(chan int, forged)
		for i := range forged {
			kid := verifiertest.WithHeader("kid", fmt.Sprint(i))
			go func() { statuses <- logOut(l, stranger.Token(logoutClaims, typed, kid)).Code }()
		}
		synctest.Wait()
		if len(statuses) > 0 {
			t.Errorf("%d forged events don't wait for keys", len(statuses))
		}
		token := issuer.Token(with(logoutClaims, map[string]any{"jti": "logout-2", "sid": "s2"}), typed)
		if w := logOut(l, token); w.Code != http.StatusOK || !ended(t, list, issuer)["alice in s2"] {
			t.Errorf("beside forged events: status %d, want 200 and the session's end", w.Code)
		}
		for range forged {
			if status := <-statuses; status != http.StatusServiceUnavailable {
				t.Errorf("forged: status %d, want 503", status)
			}
		}
	})
}

// hangingKeys are an issuer's, and may stop coming.
type hangingKeys struct {
	next http.RoundTripper
	hang atomic.Bool
}

func (k *hangingKeys) RoundTrip(req *http.Request) (*http.Response, error) {
	if k.hang.Load() {
		<-req.Context().Done()
		return nil, req.Context().Err()
	}
	return k.next.RoundTrip(req)
}

// A slow body keeps nobody else out.
func TestASlowBodyHoldsNoPlace(t *testing.T) {
	t.Parallel()
	issuer, list := verifiertest.NewIssuer(), newList(t, revocation.Config{})
	l := newLogout(t, list, feed.LogoutConfig{Verifier: offline(issuer), MaxConcurrent: 1})
	body, slow := io.Pipe()
	served := make(chan int)
	go func() {
		r := httptest.NewRequest(http.MethodPost, "/", body)
		r.Header.Set("Content-Type", formType)
		w := httptest.NewRecorder()
		l.ServeHTTP(w, r)
		served <- w.Code
	}()
	if _, err := slow.Write([]byte("logout_token=")); err != nil { // it's being read
		t.Fatal(err)
	}
	if w := logOut(l, issuer.Token(logoutClaims, typed)); w.Code != http.StatusOK {
		t.Errorf("beside a slow body: status %d, want 200", w.Code)
	}
	_ = slow.CloseWithError(io.ErrUnexpectedEOF)
	if status := <-served; status != http.StatusBadRequest {
		t.Errorf("half a body: status %d, want 400", status)
	}
}

// On a real server, a body that does not come ends its request.
func TestASlowBodyIsGivenUp(t *testing.T) {
	t.Parallel()
	issuer, list := verifiertest.NewIssuer(), newList(t, revocation.Config{})
	l := newLogout(t, list, feed.LogoutConfig{Verifier: offline(issuer), Timeout: time.Second})
	server := httptest.NewServer(l)
	defer server.Close()
	body, slow := io.Pipe()
	defer slow.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", formType)
	go func() { _, _ = slow.Write([]byte("logout_token=")) }()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusBadRequest {
		t.Errorf("status %d, want 400", res.StatusCode)
	}
	client.CloseIdleConnections()
	form := url.Values{"logout_token": {issuer.Token(logoutClaims, typed)}}.Encode()
	res, err = client.Post(server.URL, formType, strings.NewReader(form))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Errorf("afterwards: status %d, want 200", res.StatusCode)
	}
}

// The sender may go: a verified event is applied all the same.
func TestAnEventIsAppliedThoughItsSenderHasGone(t *testing.T) {
	t.Parallel()
	issuer, list := verifiertest.NewIssuer(), newList(t, revocation.Config{})
	p := newPush(t, list, feed.PushConfig{Signals: feed.Signals{Verifier: offline(issuer)}})
	token := issuer.Token(signalClaims(feed.SessionRevoked, aboutAlice(issuer), map[string]any{}), signed)
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(token)).WithContext(canceled(t))
	r.Header.Set("Content-Type", eventType)
	w := httptest.NewRecorder()
	p.ServeHTTP(w, r)
	if w.Code != http.StatusAccepted || !ended(t, list, issuer)["alice"] {
		t.Errorf("status %d, want 202 and Alice's end", w.Code)
	}
}
