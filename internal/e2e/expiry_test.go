package e2e_test

import (
	"context"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"google.golang.org/grpc/codes"
)

func TestTokenIsRefusedOnceItHasExpired(t *testing.T) {
	p := startProvider(t, "", jose.RS256)
	callers := startServers(t, p.config())
	token := p.token(t, shortLife)
	expired := time.Now().Add(p.storage.clients[shortLife].lifetime)
	t.Run("before", func(t *testing.T) {
		greet := func(ctx context.Context, c caller) outcome { return c.greet(ctx, token) }
		atOnce(t, callers, greet, admitted(identityOf(p, shortLife)))
	})
	time.Sleep(time.Until(expired))
	t.Run("after", func(t *testing.T) {
		forEachProcedure(t, callers, token, refused(codes.Unauthenticated, "TOKEN_EXPIRED",
			`Bearer realm="api", error="invalid_token", error_description="the token has expired"`))
	})
}

func TestOpenStreamEndsWhenItsTokenExpires(t *testing.T) {
	p := startProvider(t, "", jose.RS256)
	callers := startServers(t, p.config())
	token := p.token(t, shortLife)
	identity := identityOf(p, shortLife)
	want := refused(codes.Unauthenticated, "TOKEN_EXPIRED", `Bearer realm="api", error="invalid_token", `+
		`error_description="the token expired while the stream was open"`)
	watch := func(ctx context.Context, c caller) outcome {
		o := c.watchOn(ctx, token)
		if c == callers["connect-go, gRPC"] && len(o.challenges) == 0 {
			// net/http drops it from the trailers; the ErrorInfo alone can carry it.
			o.challenges = []string{o.info.GetMetadata()["challenge"]}
		}
		return o
	}
	atOnce(t, callers, watch, func(t *testing.T, o outcome) {
		t.Helper()
		if o.identity != identity {
			t.Errorf("the handler saw %q, want %q", o.identity, identity)
		}
		want(t, o)
	})
}
