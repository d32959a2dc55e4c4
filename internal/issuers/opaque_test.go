package issuers_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/grpcauth"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/interceptor/client"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/introspection"
)

// An opaque is an authorization server that says which of its tokens are active.
type opaque struct {
	*process

	config     introspection.Config
	tokenURL   string
	audience   string // the parameter that names one
	revocation string
}

func TestOpaqueTokens(t *testing.T) {
	for name, start := range map[string]func(*testing.T) *opaque{
		"oidc-provider": opaqueOIDCProvider,
		"Ory Hydra":     opaqueHydra,
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			s.config.Audiences = []string{audience}
			s.config.Require = verifier.Requirement{Scopes: []string{"orders:read"}}
			s.config.FetchTimeout = time.Second
			t.Run("only an active token is accepted", s.tellActive)
			t.Run("a revoked token is refused within CacheTTL", s.tellRevoked)
			t.Run("a client replaces a revoked token", s.tellReplaced)
			t.Run("a known token outlives a restart", func(t *testing.T) { s.tellOutage(t, s.stop, s.start) })
			t.Run("a known token outlives a hang", func(t *testing.T) { s.tellOutage(t, s.freeze, s.thaw) })
		})
	}
}

func (s *opaque) tellActive(t *testing.T) {
	token, calls := s.token(t), s.serve(t, s.config)
	wantGreeting(t, calls, token, codes.OK, "the token is active")
	wantGreeting(t, calls, madeUp(token), codes.Unauthenticated, "the token is made up")
	config := s.config
	config.Audiences = []string{"https://elsewhere.example"}
	wantGreeting(t, s.serve(t, config), token, codes.Unauthenticated, "the token is for another service")
	config = s.config
	config.Require.Scopes = []string{"orders:write"}
	wantGreeting(t, s.serve(t, config), token, codes.PermissionDenied, "the token grants too little")
}

func (s *opaque) tellRevoked(t *testing.T) {
	config := s.config
	config.CacheTTL = time.Second
	calls, revoked, other := s.serve(t, config), s.token(t), s.token(t)
	wantGreeting(t, calls, other, codes.OK, "the token is active")
	stream := watchGreetings(t, calls, revoked)
	s.revoke(t, revoked)
	time.Sleep(config.CacheTTL)
	wantGreeting(t, calls, revoked, codes.Unauthenticated, "the token was revoked")
	wantGreeting(t, calls, other, codes.OK, "another token was revoked")
	wantEnd(t, stream, codes.Unauthenticated, "the token was revoked")
}

// tellReplaced has a client that takes its token for good, and a server that knows better.
func (s *opaque) tellReplaced(t *testing.T) {
	config := s.config
	config.CacheTTL = time.Second
	tokens := client.NewSource(robot(s.tokenURL, s.audience).Token)
	calls := s.serve(t, config, grpcauth.PlaintextClientOptions(tokens)...)
	wantOwnGreeting(t, calls)
	revoked := tokenOf(t, tokens).AccessToken
	s.revoke(t, revoked)
	time.Sleep(config.CacheTTL)
	wantOwnGreeting(t, calls)
	if tokenOf(t, tokens).AccessToken == revoked {
		t.Error("the revoked token is still sent")
	}
}

// tellOutage has a server that remembers answers for longer than the outage takes, and one that
// doesn't.
func (s *opaque) tellOutage(t *testing.T, begin, end func(*testing.T)) {
	config := s.config
	calls := s.serve(t, config)
	config.CacheTTL = time.Second
	forgetful := s.serve(t, config)
	known, unseen := s.token(t), s.token(t)
	wantGreeting(t, calls, known, codes.OK, "the token is active")
	wantGreeting(t, forgetful, known, codes.OK, "the token is active")

	begin(t)
	time.Sleep(config.CacheTTL)
	for range 3 { // the first learns of the outage
		wantGreeting(t, calls, unseen, codes.Unavailable, "nothing is known about the token")
		wantGreeting(t, calls, madeUp(known), codes.Unavailable, "nothing is known about a made-up token")
		wantGreeting(t, forgetful, known, codes.Unavailable, "the answer is older than CacheTTL")
		wantGreeting(t, calls, known, codes.OK, "the answer is good for CacheTTL")
	}
	end(t)
	wantGreeting(t, calls, known, codes.OK, "the outage is over")
	wantGreetingSoon(t, calls, unseen, codes.OK)
	wantGreetingSoon(t, forgetful, known, codes.OK)
	wantGreetingSoon(t, calls, madeUp(known), codes.Unauthenticated)
}

func (s *opaque) serve(
	t *testing.T, config introspection.Config, options ...grpc.DialOption,
) greetv1.GreetServiceClient {
	t.Helper()
	v, err := introspection.New(config)
	if err != nil {
		t.Fatal(err)
	}
	auth, err := interceptor.New(v)
	if err != nil {
		t.Fatal(err)
	}
	return greetClient(t, auth, options...)
}

func (s *opaque) token(t *testing.T) string {
	t.Helper()
	return grant(t, s.client, s.tokenURL, url.Values{s.audience: {audience}, "scope": {"orders:read"}})
}

func (s *opaque) revoke(t *testing.T, token string) {
	t.Helper()
	call(t, s.client, http.MethodPost, s.revocation, "application/x-www-form-urlencoded",
		url.Values{"token": {token}}.Encode())
}

// madeUp returns a token that looks like another.
func madeUp(token string) string { return token[:len(token)-8] + "AAAAAAAA" }
