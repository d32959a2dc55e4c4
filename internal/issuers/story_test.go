package issuers_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
)

const audience = "https://orders.example"

// A product is an issuer that isn't ours.
type product struct {
	*process

	config    verifier.Config
	authority string                    // a file, if the product has its own
	token     func(t *testing.T) string // a good one
	rotate    func(t *testing.T)        // a new key signs from now on
	withdraw  func(t *testing.T)        // the key that signs is the only one left
	listsOld  bool                      // after a rotation
}

// tell puts an issuer through what happens to issuers.
func (p *product) tell(t *testing.T) {
	t.Run("a good token is accepted", func(t *testing.T) {
		accept(t, newVerifier(t, p.config), p.token(t))
	})
	t.Run("the first token of a new key is accepted", func(t *testing.T) {
		config := p.config
		var fetches atomic.Int32
		config.OnFetch = func(verifier.FetchEvent) { fetches.Add(1) }
		v := newVerifier(t, config)
		old := p.token(t)
		accept(t, v, old)
		p.rotate(t)
		accept(t, v, p.token(t))
		if got := fetches.Load(); got != 2 {
			t.Errorf("the keys were fetched %d times, want once for each key", got)
		}
		if p.listsOld {
			accept(t, v, old)
		} else {
			refuse(t, v, old, verifier.CodeKeyNotFound)
		}
	})
	t.Run("a withdrawn key is refused once KeysTTL has passed", func(t *testing.T) {
		config := p.config
		config.KeysTTL = time.Second
		v := newVerifier(t, config)
		old := p.token(t)
		accept(t, v, old)
		p.rotate(t)
		p.withdraw(t)
		time.Sleep(config.KeysTTL)
		refuse(t, v, old, verifier.CodeKeyNotFound)
		accept(t, v, p.token(t))
	})
	t.Run("a restart goes unnoticed", func(t *testing.T) {
		v := newVerifier(t, p.config)
		known, unseen := p.token(t), p.token(t)
		accept(t, v, known)
		p.stop(t)
		accept(t, v, known)
		accept(t, v, unseen)
		p.start(t)
		accept(t, v, p.token(t))
	})
	t.Run("an issuer that hangs goes unnoticed", p.tellFrozen)
}

func (p *product) tellFrozen(t *testing.T) {
	config := p.config
	config.KeysTTL, config.FetchTimeout = time.Second, time.Second
	v := newVerifier(t, config)
	known := p.token(t)
	accept(t, v, known)
	var unseen []string
	for range 20 {
		unseen = append(unseen, p.token(t))
	}
	p.freeze(t)
	time.Sleep(config.KeysTTL)
	for _, token := range unseen {
		accept(t, v, token)
		accept(t, v, known)
	}
	_, err := newVerifier(t, config).Verify(t.Context(), known)
	failure, ok := errors.AsType[*verifier.KeysError](err)
	if !ok || failure.Code != verifier.CodeJWKSFetchFailed {
		t.Errorf("a verifier without keys: %v, want a KeysError with code %q", err, verifier.CodeJWKSFetchFailed)
	}
	p.thaw(t)
	accept(t, v, p.token(t))
	deadline := time.Now().Add(patience)
	for v.Status()[0].Failures > 0 {
		if time.Now().After(deadline) {
			t.Fatalf("the keys are not refreshed: %s", v.Status()[0].LastError)
		}
		time.Sleep(100 * time.Millisecond)
		accept(t, v, known)
	}
}

func newVerifier(t *testing.T, config verifier.Config) *verifier.Verifier {
	t.Helper()
	v, err := verifier.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func accept(t *testing.T, v *verifier.Verifier, token string) *verifier.Claims {
	t.Helper()
	claims, err := v.Verify(t.Context(), token)
	if err != nil {
		t.Fatalf("Verify: %v, want acceptance", err)
	}
	return claims
}

// refuse wants an AuthError of that code, and returns its cause.
func refuse(t *testing.T, v *verifier.Verifier, token string, want verifier.Code) string {
	t.Helper()
	_, err := v.Verify(t.Context(), token)
	refusal, ok := errors.AsType[*verifier.AuthError](err)
	if !ok || refusal.Code != want || refusal.Err == nil {
		t.Fatalf("Verify: %v, want code %q and a cause", err, want)
	}
	return refusal.Err.Error()
}

// grant asks a token endpoint for a token of client credentials.
func grant(t *testing.T, client *http.Client, endpoint string, form url.Values) string {
	t.Helper()
	form.Set("grant_type", "client_credentials")
	body := call(t, client, http.MethodPost, endpoint, "application/x-www-form-urlencoded", form.Encode())
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.AccessToken == "" {
		t.Fatalf("%s has no access token: %s", endpoint, body)
	}
	return answer.AccessToken
}

// call asks an issuer for something, as the client "robot" with its secret.
func call(t *testing.T, client *http.Client, method, endpoint, contentType, body string) []byte {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, endpoint, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	req.SetBasicAuth("robot", "secret")
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode >= http.StatusBadRequest {
		t.Fatalf("%s %s: status %d, %v: %s", method, endpoint, res.StatusCode, err, answer)
	}
	return answer
}

// newClient opens a connection for each request: an issuer that was restarted has closed
// the others.
func newClient() *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
}
