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
)

// revoked is what every stream comes to whose token is revoked meanwhile.
var revoked = invalidToken("revoked", bearer("opaque"), "INVALID_TOKEN", "the token is not active")

// All streams of all paths are open at once. Then their token is revoked.
func TestEveryPathEndsTheStreamsOfARevokedToken(t *testing.T) {
	registry := &registry{}
	auth := registry.newAuth(t)
	var streams []*revokedStream
	var opened sync.WaitGroup
	for _, path := range paths() {
		server := path.launch(t, auth)
		client := path.dial(t, server)
		for _, kind := range path.kinds {
			if kind == unary {
				continue
			}
			s := &revokedStream{path: path, kind: kind, server: server}
			streams = append(streams, s)
			opened.Go(func() { s.answer = perform(t, client, s.call()) })
		}
	}
	awaitHandlers(t, streams)
	revocation := time.Now()
	registry.revoked.Store(true)
	opened.Wait()
	for _, s := range streams {
		t.Run(s.path.name+"/"+string(s.kind), func(t *testing.T) { s.check(t, revocation) })
	}
}

type revokedStream struct {
	path   path
	kind   kind
	server *server
	answer answer
}

func (s *revokedStream) call() call {
	return call{
		kind:          s.kind,
		authorization: revoked.authorization,
		script:        waitsForRevocation,
		hold:          !s.path.waitsForRequest(),
	}
}

func (s *revokedStream) check(t *testing.T, revocation time.Time) {
	s.path.check(t, s.answer, s.kind, revoked, unsent)
	if early := revocation.Sub(s.answer.ended); early > 0 {
		t.Errorf("the stream ended %v before the revocation", early)
	}
	s.server.checkQuiet(t)
}

// awaitHandlers returns once the handlers of all streams run.
func awaitHandlers(t *testing.T, streams []*revokedStream) {
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
