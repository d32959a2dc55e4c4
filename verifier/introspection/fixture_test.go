package introspection_test

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/introspection"
)

const (
	issuer   = "https://issuer.test"
	endpoint = issuer + "/introspect"
	audience = "https://api.test"
)

// A server is an authorization server in the test's process. It calls active the tokens it was
// told of, and breaks on demand.
type server struct {
	mu       sync.Mutex
	tokens   map[string]map[string]any // what it says about active ones
	raw      map[string]http.HandlerFunc
	ailment  http.HandlerFunc // in place of any answer
	fallback http.HandlerFunc // about tokens it wasn't told of
	asked    map[string]int   // by token
	total    int
	latest   *http.Request // with its form parsed
	latency  time.Duration
}

func newServer() *server {
	return &server{
		tokens: make(map[string]map[string]any),
		raw:    make(map[string]http.HandlerFunc),
		asked:  make(map[string]int),
	}
}

// issue makes a token active, with good claims that others replace. A nil claim is left out.
func (s *server) issue(token string, claims map[string]any) string {
	all := map[string]any{
		"active": true, "iss": issuer, "aud": audience, "sub": "alice", "client_id": "app",
		"scope": "orders:read", "token_type": "Bearer", "exp": time.Now().Add(time.Hour).Unix(),
	}
	maps.Copy(all, claims)
	maps.DeleteFunc(all, func(_ string, value any) bool { return value == nil })
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens[token] = all
	return token
}

func (s *server) revoke(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.tokens, token)
}

// answerWith makes the server answer about a token as h does.
func (s *server) answerWith(token string, h http.HandlerFunc) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.raw[token] = h
	return token
}

func (s *server) suffer(h http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ailment = h
}

func (s *server) recover() { s.suffer(nil) }

// questions returns how many were asked, about all tokens or about some.
func (s *server) questions(tokens ...string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(tokens) == 0 {
		return s.total
	}
	n := 0
	for _, token := range tokens {
		n += s.asked[token]
	}
	return n
}

func (s *server) request() *http.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.latest
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	token := r.PostForm.Get("token")
	time.Sleep(s.latency)
	s.mu.Lock()
	s.latest = r
	s.total++
	s.asked[token]++
	handle := s.raw[token]
	if s.ailment != nil {
		handle = s.ailment
	}
	answer := s.tokens[token]
	if handle == nil && answer == nil {
		handle = s.fallback
	}
	s.mu.Unlock()
	if handle != nil {
		handle(w, r)
		return
	}
	if answer == nil {
		answer = map[string]any{"active": false}
	}
	writeJSON(w, answer)
}

func writeJSON(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	_, _ = w.Write(text)
}

// RoundTrip answers a request without a network, so that a test's bubble can sleep.
func (s *server) RoundTrip(r *http.Request) (*http.Response, error) {
	type result struct {
		res *http.Response
		err error
	}
	done := make(chan result, 1)
	go func() {
		defer func() {
			if recover() != nil {
				done <- result{err: errors.New("the connection is gone")}
			}
		}()
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		done <- result{res: w.Result()}
	}()
	select {
	case got := <-done:
		return got.res, got.err
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

// Ailments.

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

func drop(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// config is good for the server.
func (s *server) config() introspection.Config {
	return introspection.Config{
		Issuer:     issuer,
		Endpoint:   endpoint,
		Client:     introspection.SecretBasic{ClientID: "api", Secret: "secret"},
		Audiences:  []string{audience},
		HTTPClient: &http.Client{Transport: s},
	}
}

// verifier returns one for the server's tokens, with the config that change leaves.
func (s *server) verifier(t testing.TB, change func(*introspection.Config)) *introspection.Verifier {
	t.Helper()
	config := s.config()
	if change != nil {
		change(&config)
	}
	v, err := introspection.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func accept(t testing.TB, v *introspection.Verifier, token string) *verifier.Claims {
	t.Helper()
	claims, err := v.Verify(t.Context(), token)
	if err != nil {
		t.Fatalf("Verify: %v, want acceptance", err)
	}
	return claims
}

// refuse wants an AuthError of that code, with a cause.
func refuse(t testing.TB, v *introspection.Verifier, token string, want verifier.Code) *verifier.AuthError {
	t.Helper()
	claims, err := v.Verify(t.Context(), token)
	refusal, ok := errors.AsType[*verifier.AuthError](err)
	if !ok || refusal.Code != want || refusal.Err == nil || claims != nil {
		t.Fatalf("Verify: %v, %v, want code %q and a cause", claims, err, want)
	}
	return refusal
}

// unavailable wants a KeysError of that code, which says when to try again.
func unavailable(t testing.TB, err error, want verifier.Code) *verifier.KeysError {
	t.Helper()
	failure, ok := errors.AsType[*verifier.KeysError](err)
	if !ok || failure.Code != want || failure.RetryAfter <= 0 {
		t.Fatalf("the error is %v, want a KeysError with code %q and a RetryAfter", err, want)
	}
	if _, ok := errors.AsType[*verifier.AuthError](err); ok {
		t.Fatalf("the error is %v, which refuses the token", err)
	}
	return failure
}

func verify(t testing.TB, v *introspection.Verifier, token string) error {
	t.Helper()
	_, err := v.Verify(t.Context(), token)
	return err
}

// serve runs a handler on a real socket.
func serve(t testing.TB, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func form(s *server) url.Values { return s.request().PostForm }
