package dpoptest

import (
	"context"
	"errors"
	"net/http/httptest"
	"sync"
	"testing"

	"golang.org/x/oauth2/clientcredentials"

	"github.com/oidcrpc/oidcrpc/interceptor/client"
)

// A Dial returns calls of each kind to a server behind a guard, made by a client with these tokens.
type Dial func(t *testing.T, g *Guard, tokens *client.Source) map[string]func(context.Context) error

// TestClient tests what all frameworks' clients have in common. The server knows itself by origin.
func TestClient(t *testing.T, origin string, dial Dial) {
	t.Helper()
	for name, test := range map[string]func(*scene){
		"each call has a fresh proof":                        eachCallHasAFreshProof,
		"a nonce costs one attempt and no token":             aNonceCostsOneAttempt,
		"a nonce is learned from a success":                  aNonceIsLearnedFromASuccess,
		"a server that is never satisfied gets two attempts": aServerIsNeverSatisfied,
		"a renewed token has a fresh proof":                  aRenewedTokenHasAFreshProof,
		"a call can need another nonce and another token":    aCallNeedsBoth,
		"a call without a proof is not made":                 aCallWithoutAProofIsNotMade,
		"calls at the same time have proofs of their own":    callsAtTheSameTime,
	} {
		t.Run(name, func(t *testing.T) {
			for kind := range dial(t, NewGuard(), client.NewRelay("https://other.example")) {
				t.Run(kind, func(t *testing.T) { test(newScene(t, origin, dial, kind)) })
			}
		})
	}
}

// A scene is one kind of call, by a client whose tokens are bound.
type scene struct {
	*Guard

	t      *testing.T
	tokens *client.Source
	signer *signer
	call   func(context.Context) error
}

func newScene(t *testing.T, origin string, dial Dial, kind string) *scene {
	t.Helper()
	s := &scene{Guard: NewGuard(), t: t, signer: newSigner(t)}
	d, err := client.NewDPoP(client.DPoPConfig{Key: s.signer, Origin: origin})
	if err != nil {
		t.Fatal(err)
	}
	s.tokens = s.NewSource(t, d)
	s.call = dial(t, s.Guard, s.tokens)[kind]
	t.Cleanup(func() {
		if err := s.Err(); err != nil {
			t.Errorf("the servers say: %v", err)
		}
	})
	return s
}

// NewSource returns a Source with the guard's tokens.
func (g *Guard) NewSource(t *testing.T, d *client.DPoP) *client.Source {
	t.Helper()
	endpoint := httptest.NewServer(g)
	t.Cleanup(endpoint.Close)
	config := clientcredentials.Config{ClientID: "shop", ClientSecret: "secret", TokenURL: endpoint.URL}
	return client.NewSource(config.Token, client.WithDPoP(d))
}

func (s *scene) mustCall() {
	s.t.Helper()
	if err := s.call(s.t.Context()); err != nil {
		s.t.Errorf("the call fails: %v", err)
	}
}

func (s *scene) want(tokens, calls int) {
	s.t.Helper()
	gotTokens, gotCalls := s.Count()
	if gotTokens != tokens || gotCalls != calls {
		s.t.Errorf("%d tokens and %d attempts, want %d and %d", gotTokens, gotCalls, tokens, calls)
	}
}

func eachCallHasAFreshProof(s *scene) {
	for range 3 {
		s.mustCall()
	}
	s.want(1, 3)
}

func aNonceCostsOneAttempt(s *scene) {
	s.WantNonce(TokenEndpoint)
	s.WantNonce(Resource)
	s.mustCall()
	s.want(1, 2)
	s.mustCall()
	s.want(1, 3)
	s.WantNonce(Resource)
	s.mustCall()
	s.want(1, 5)
}

func aNonceIsLearnedFromASuccess(s *scene) {
	s.AnnounceNonce()
	s.mustCall()
	s.mustCall()
	s.AnnounceNonce()
	s.mustCall()
	s.mustCall()
	s.want(1, 4)
}

func aServerIsNeverSatisfied(s *scene) {
	s.NeverBeSatisfied()
	err := s.call(s.t.Context())
	refusal, ok := errors.AsType[*client.Refusal](err)
	if !ok || refusal.Code != "use_dpop_nonce" {
		s.t.Errorf("err = %v, want the refusal", err)
	}
	s.want(1, 2)
}

func aRenewedTokenHasAFreshProof(s *scene) {
	s.mustCall()
	s.Revoke()
	s.mustCall()
	s.want(2, 3)
}

func aCallNeedsBoth(s *scene) {
	s.mustCall()
	s.Revoke()
	s.WantNonce(Resource)
	s.WantNonce(TokenEndpoint)
	s.mustCall()
	s.want(2, 4)
	s.mustCall()
	s.want(2, 5)
}

func aCallWithoutAProofIsNotMade(s *scene) {
	if _, err := s.tokens.Token(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	s.signer.isBroken.Store(true)
	err := s.call(s.t.Context())
	failure, ok := errors.AsType[*client.TokenError](err)
	if !ok || !errors.Is(err, errBroken) || !failure.Temporary() {
		s.t.Errorf("err = %v, want a TokenError", err)
	}
	s.want(1, 0)
}

func callsAtTheSameTime(s *scene) {
	var calls sync.WaitGroup
	for range 20 {
		calls.Go(func() { s.mustCall() })
	}
	calls.Wait()
	s.want(1, 20)
}
