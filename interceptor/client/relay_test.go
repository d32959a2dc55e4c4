package client_test

import (
	"context"
	"errors"
	"testing"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/interceptor/client"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// inHandler returns the context of a handler whose caller has a token.
func inHandler(t *testing.T, audience ...string) context.Context {
	t.Helper()
	ctx := interceptor.ContextWithClaims(t.Context(), verifiertest.Claims(map[string]any{"aud": audience}))
	return interceptor.ContextWithToken(ctx, "callers")
}

func TestRelaySendsTheCallersToken(t *testing.T) {
	relay := client.NewRelay("https://orders.test")
	credential, err := relay.Credential(inHandler(t, "https://shop.test", "https://orders.test"))
	if err != nil || credential.Header()[0] != "Bearer callers" {
		t.Errorf("the call sends %v: %v", credential, err)
	}
}

func TestRelaySendsNoOtherToken(t *testing.T) {
	for name, ctx := range map[string]context.Context{
		"another audience":  inHandler(t, "https://shop.test"),
		"a longer audience": inHandler(t, "https://orders.test/"),
		"no token":          interceptor.ContextWithClaims(t.Context(), verifiertest.Claims(map[string]any{"aud": "https://orders.test"})),
		"a token with a key": interceptor.ContextWithClaims(inHandler(t, "https://orders.test"), verifiertest.Claims(map[string]any{
			"aud": "https://orders.test", "cnf": map[string]any{"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"},
		})),
		"no claims": interceptor.ContextWithToken(t.Context(), "callers"),
		"no call":   t.Context(),
	} {
		_, err := client.NewRelay("https://orders.test").Credential(ctx)
		tokenErr, ok := tokenErrorOf(err)
		if !ok || tokenErr.Temporary() || tokenErr.Code() != interceptor.CodeUnauthenticated ||
			tokenErr.Message() != "there is no token to relay" {
			t.Errorf("%s: %v, want a TokenError that lasts", name, err)
		}
	}
}

func TestRelayEndsWithItsCall(t *testing.T) {
	ctx, cancel := context.WithCancel(inHandler(t, "https://orders.test"))
	cancel()
	if _, err := client.NewRelay("https://orders.test").Token(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Token: %v, want Canceled", err)
	}
}

// The token isn't ours to renew.
func TestRelayedCallIsNotSentAgain(t *testing.T) {
	relay, ctx := client.NewRelay("https://orders.test"), inHandler(t, "https://orders.test")
	credential, err := relay.Credential(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if relay.Retry(ctx, credential, refused()) != nil {
		t.Error("it is sent again")
	}
}

func TestRelayWithoutAnAudiencePanicsAtConstruction(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("NewRelay did not panic")
		}
	}()
	client.NewRelay("")
}
