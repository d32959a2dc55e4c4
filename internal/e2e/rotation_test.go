package e2e_test

import (
	"context"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"google.golang.org/grpc/codes"
)

func TestTokenWithANewKeyIsAcceptedAtFirstSight(t *testing.T) {
	p := startProvider(t, "", jose.RS256)
	callers := startServers(t, p.config())
	before := p.token(t, robot)
	mustGreet := func(name, token string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			greet := func(ctx context.Context, c caller) outcome { return c.greet(ctx, token) }
			atOnce(t, callers, greet, admitted(identityOf(p, robot)))
		})
	}
	mustGreet("the first key", before)

	p.rotate(t, jose.RS256)
	mustGreet("the new key", p.token(t, robot))
	mustGreet("the first key, still published", before)
	if got := p.keyFetches.Load(); got != 2 {
		t.Errorf("the keys were fetched %d times, want once for each", got)
	}
}

// The provider lets its keys be cached for a day; KeysTTL is shorter and decides.
func TestTokenWithAWithdrawnKeyIsRefusedAfterKeysTTL(t *testing.T) {
	p := startProvider(t, "", jose.RS256)
	config := p.config()
	config.KeysTTL = time.Second
	callers := startServers(t, config)
	withdrawn := p.token(t, robot)
	t.Run("before", func(t *testing.T) {
		forEachProcedure(t, callers, withdrawn, admitted(identityOf(p, robot)))
	})

	p.rotate(t, jose.RS256)
	p.withdraw()
	time.Sleep(config.KeysTTL)
	t.Run("after", func(t *testing.T) {
		want := refused(codes.Unauthenticated, "KEY_NOT_FOUND",
			`Bearer realm="api", error="invalid_token", error_description="the issuer has no key for this token"`)
		// Once for each caller: tokens of unknown keys are worth only so many fetches.
		for name, caller := range callers {
			t.Run(name, func(t *testing.T) {
				ctx, cancel := callContext(t)
				defer cancel()
				want(t, caller.greet(ctx, withdrawn))
			})
		}
	})
	t.Run("a token of the key that signs now", func(t *testing.T) {
		forEachProcedure(t, callers, p.token(t, robot), admitted(identityOf(p, robot)))
	})
}
