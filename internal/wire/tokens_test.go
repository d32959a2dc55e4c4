package wire_test

import (
	"context"
	"errors"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/revocation"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

const (
	realm      = "greet"
	baseline   = "greet:read"  // the scope that the verifier asks of every token
	ruleScope  = "greet:write" // the scope that the policy asks on top
	permission = "greet"
)

// newAuth returns the authenticator of all servers, and the judge in it.
func newAuth(t *testing.T, options ...interceptor.Option) (*interceptor.Authenticator, *judge) {
	t.Helper()
	tokens := newJudge(t)
	auth, err := interceptor.New(tokens, append(options,
		interceptor.WithRealm(realm),
		interceptor.WithRevocations(tokens.revocations),
		interceptor.WithPolicy(interceptor.Policy{"/greet.v1.GreetService/*": {
			Require: verifier.Requirement{Scopes: []string{ruleScope}, Permissions: []string{permission}},
		}}))...)
	if err != nil {
		t.Fatal(err)
	}
	return auth, tokens
}

// A judge is a verifier that the tokens of an issuer reach as they should, and that
// goes astray in every way when it sees the tokens named here.
type judge struct {
	*verifier.Verifier

	issuer      *verifiertest.Issuer
	revocations *revocation.List
	down        *verifier.Verifier // its issuer never answers
	downToken   string

	mu       sync.Mutex
	awaited  int           // streams that have yet to show the expiring token
	first    time.Time     // when it was first shown
	complete chan struct{} // closed once all have shown it
	expiring *verifier.Claims
}

const (
	faultyToken   = "faulty"   // an error that is none of the verifier's
	careless      = "careless" // neither claims nor an error
	expiringToken = "expiring" // good for a moment, once all streams have shown it
	canceledToken = "canceled" // its call ends before it's verified: see endedContext
	lateToken     = "late"     // the same, by a deadline
)

func newJudge(t *testing.T) *judge {
	t.Helper()
	j := &judge{issuer: verifiertest.NewIssuer(), awaited: 1, complete: make(chan struct{})}
	config := j.issuer.Config()
	config.Require.Scopes = []string{baseline}
	var err error
	if j.Verifier, err = verifier.New(config); err != nil {
		t.Fatal(err)
	}
	silent := verifiertest.NewIssuer(verifiertest.WithURL("https://silent.test"))
	silent.Fail(errors.New("no route to the issuer at 10.0.0.1"))
	if j.down, err = verifier.New(silent.Config()); err != nil {
		t.Fatal(err)
	}
	j.downToken = silent.Token(nil)
	if j.revocations, err = revocation.New(revocation.Config{}); err != nil {
		t.Fatal(err)
	}
	return j
}

// revoke revokes what an event names, of the issuer's.
func (j *judge) revoke(t *testing.T, e revocation.Event) {
	t.Helper()
	e.Issuer = j.issuer.URL()
	if err := j.revocations.Revoke(t.Context(), e); err != nil {
		t.Fatal(err)
	}
}

// revokedToken returns a token that is on the list, and good otherwise.
func (j *judge) revokedToken(t *testing.T) string {
	t.Helper()
	j.revoke(t, revocation.Event{TokenID: "revoked"})
	return j.issuer.Token(rights(map[string]any{"jti": "revoked"}))
}

func (j *judge) Verify(ctx context.Context, token string) (*verifier.Claims, error) {
	switch token {
	case faultyToken:
		return nil, errors.New("the password of the database is secret")
	case careless:
		return nil, nil //nolint:nilnil // the mistake under test
	case expiringToken:
		return j.expire(ctx)
	case canceledToken, lateToken:
		<-ctx.Done() // as if keys were fetched
		return nil, ctx.Err()
	case j.downToken:
		return j.down.Verify(ctx, token)
	default:
		return j.Verifier.Verify(ctx, token)
	}
}

// awaitStreams keeps the expiring token from ageing until n streams have shown it.
func (j *judge) awaitStreams(n int) { j.awaited = n }

// expire returns claims that are good for at least a second after the last stream has
// shown its token. A machine that is slow to open the streams gets longer.
func (j *judge) expire(ctx context.Context) (*verifier.Claims, error) {
	j.mu.Lock()
	if j.first.IsZero() {
		j.first = time.Now()
	}
	if j.awaited--; j.awaited == 0 {
		life := 2*time.Second + 5*time.Since(j.first)
		j.expiring = verifiertest.Claims(rights(map[string]any{"exp": time.Now().Add(life).Unix()}))
		close(j.complete)
	}
	j.mu.Unlock()
	select {
	case <-j.complete:
		return j.expiring, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// expiry returns when the streams end that showed the expiring token.
func (j *judge) expiry(t *testing.T) time.Time {
	t.Helper()
	select {
	case <-j.complete:
		return j.expiring.ValidUntil()
	default:
		t.Fatal("some streams never showed their token")
		return time.Time{}
	}
}

// rights returns claims that are enough for every call, changed by changes.
func rights(changes map[string]any) map[string]any {
	claims := map[string]any{
		"scope":       baseline + " " + ruleScope,
		"permissions": []string{permission},
	}
	maps.Copy(claims, changes)
	return claims
}
