package wire_test

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier/introspection"
	"github.com/oidcrpc/oidcrpc/verifier/revocation"
)

// revoked is what every stream comes to whose token is revoked meanwhile.
func revoked(authorization []string) outcome {
	return invalidToken("a revoked token", authorization, "TOKEN_REVOKED", "the token was revoked")
}

// All streams of all paths are open at once. Then their subject is revoked.
func TestEveryPathTellsTheRevocationAlike(t *testing.T) {
	for name, options := range map[string][]interceptor.Option{
		"by default": nil, "without expiry": {interceptor.WithoutStreamExpiry()},
	} {
		t.Run(name, func(t *testing.T) {
			auth, tokens := newAuth(t, options...)
			want := revoked(bearer(tokens.issuer.Token(rights(map[string]any{"sub": "mallory"}))))
			streams := endingStreams()
			var opened sync.WaitGroup
			openInTurn(t, &opened, auth, streams, want)
			if got := tokens.revocations.Status().Streams; got != len(streams) {
				t.Errorf("%d streams are watched, want %d", got, len(streams))
			}
			end := time.Now()
			tokens.revoke(t, revocation.Event{Subject: "mallory"})
			opened.Wait()
			for _, s := range streams {
				t.Run(s.name(), func(t *testing.T) { s.check(t, want, end) })
			}
			if got := tokens.revocations.Status().Streams; got != 0 {
				t.Errorf("%d streams are still watched", got)
			}
		})
	}
}

// A list that has never heard from its bus is stale.
func TestEveryPathReportsAStaleListAlike(t *testing.T) {
	list, err := revocation.New(revocation.Config{Bus: noBus{}, Stale: revocation.Refuse})
	if err != nil {
		t.Fatal(err)
	}
	tokens := newJudge(t)
	auth, err := interceptor.New(tokens, interceptor.WithRealm(realm), interceptor.WithRevocations(list))
	if err != nil {
		t.Fatal(err)
	}
	want := stale()
	want.authorization = bearer(tokens.issuer.Token(rights(nil)))
	for _, path := range paths() {
		t.Run(path.name, func(t *testing.T) {
			if path.middleware && !path.http1 {
				t.Parallel() // it waits for clients that hold their stream open
			}
			server := path.launch(t, auth)
			client := path.dial(t, server)
			for _, kind := range path.kinds {
				t.Run(string(kind), func(t *testing.T) { checkOutcome(t, path, server, client, kind, want) })
			}
		})
	}
}

// noBus is never asked.
type noBus struct{ revocation.Bus }

func stale() outcome {
	o := unavailable("a stale list of revocations", nil)
	o.reason = "REVOCATIONS_STALE"
	return o
}

// All streams of all paths are open at once. Then their authorization server revokes their token.
func TestEveryPathEndsTheStreamsOfARevokedToken(t *testing.T) {
	registry := &registry{}
	want := invalidToken("revoked", bearer("opaque"), "INVALID_TOKEN", "the token is not active")
	streams := slices.DeleteFunc(endingStreams(), func(s *endingStream) bool { return s.ending.handler != waits })
	var opened sync.WaitGroup
	openInTurn(t, &opened, registry.newAuth(t), streams, want)
	end := time.Now()
	registry.revoked.Store(true)
	opened.Wait()
	for _, s := range streams {
		t.Run(s.path.name+"/"+string(s.kind), func(t *testing.T) { s.check(t, want, end) })
	}
}

// openInTurn opens one path's streams after the other's, and returns once all their handlers
// run. Net/http's server hangs up on a client that needs more than two seconds to begin.
func openInTurn(
	t *testing.T, opened *sync.WaitGroup, auth *interceptor.Authenticator, streams []*endingStream, want outcome,
) {
	t.Helper()
	for _, path := range paths() {
		awaitHandlers(t, openPath(t, opened, auth, path, streams, want))
	}
}

// awaitHandlers returns once the handlers of all streams run.
func awaitHandlers(t *testing.T, streams []*endingStream) {
	t.Helper()
	var servers []*server
	for _, s := range streams {
		if !slices.Contains(servers, s.server) {
			servers = append(servers, s.server)
		}
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		ran := 0
		for _, s := range servers {
			ran += int(s.service.ran.Load())
		}
		if ran == len(streams) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d handlers run, want %d", ran, len(streams))
		}
	}
}

// A registry is an authorization server with one opaque token.
type registry struct{ revoked atomic.Bool }

func (r *registry) RoundTrip(*http.Request) (*http.Response, error) {
	answer := `{"active":true,"aud":"greet","exp":99999999999}`
	if r.revoked.Load() {
		answer = `{"active":false}`
	}
	return &http.Response{
		StatusCode: http.StatusOK,
		Header:     http.Header{"Content-Type": {"application/json"}},
		Body:       io.NopCloser(strings.NewReader(answer)),
	}, nil
}

// newAuth returns an authenticator whose answers live as briefly as can be.
func (r *registry) newAuth(t *testing.T) *interceptor.Authenticator {
	t.Helper()
	v, err := introspection.New(introspection.Config{
		Issuer:     "https://registry.test",
		Endpoint:   "https://registry.test/introspect",
		Client:     introspection.SecretBasic{ClientID: "greet", Secret: "secret"},
		Audiences:  []string{"greet"},
		CacheTTL:   time.Second,
		HTTPClient: &http.Client{Transport: r},
	})
	if err != nil {
		t.Fatal(err)
	}
	auth, err := interceptor.New(v, interceptor.WithRealm(realm))
	if err != nil {
		t.Fatal(err)
	}
	return auth
}
