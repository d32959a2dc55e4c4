package introspection_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/introspection"
)

// Each stream opens at another moment of an answer's life, and its token is revoked at another
// moment of the stream's.
func TestAStreamEndsWithinCacheTTLOfTheRevocation(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ ttl, within time.Duration }{
		{time.Second, 2 * time.Second},
		{5 * time.Second, 6 * time.Second},
		{10 * time.Second, 10 * time.Second},
		{time.Minute, time.Minute},
		{time.Hour, time.Hour},
	} {
		t.Run(test.ttl.String(), func(t *testing.T) {
			t.Parallel()
			for n := range 50 {
				opened, revoked := test.ttl*time.Duration(n%5)/5, test.ttl*time.Duration(n)/25
				synctest.Test(t, func(t *testing.T) {
					if took := streamOfARevokedToken(t, test.ttl, opened, revoked); took > test.within {
						t.Errorf("opened after %v, revoked after %v: the stream ended %v later, want %v at most",
							opened, revoked, took, test.within)
					}
				})
			}
		})
	}
}

// streamOfARevokedToken returns how long the stream lived after the revocation.
func streamOfARevokedToken(t *testing.T, ttl, opened, revoked time.Duration) time.Duration {
	s := newServer()
	v := s.verifier(t, func(c *introspection.Config) { c.CacheTTL = ttl })
	auth := must(interceptor.New(v))
	token := s.issue("opaque", map[string]any{"exp": time.Now().Add(24 * time.Hour).Unix()})
	accept(t, v, token)
	time.Sleep(opened)
	stream, refusal := auth.AuthenticateStream(t.Context(), interceptor.Call{
		Procedure: "/greet.v1.GreetService/Greet", Authorization: []string{"Bearer " + token},
	}, nil)
	if refusal != nil {
		t.Fatal(refusal)
	}
	time.Sleep(revoked)
	if cause := context.Cause(stream.Context()); cause != nil {
		t.Fatalf("before the revocation the stream has ended: %v", cause)
	}
	s.revoke(token)
	start := time.Now()
	<-stream.Context().Done()
	took := time.Since(start)
	if cause := context.Cause(stream.Context()); verifier.CodeOf(cause) != verifier.CodeInvalidToken {
		t.Errorf("the context's cause is %v, want a refusal", cause)
	}
	if stream.End(nil) == nil {
		t.Error("the caller doesn't hear why the stream has ended")
	}
	return took
}
