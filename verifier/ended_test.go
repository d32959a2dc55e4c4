package verifier_test

import (
	"context"
	"errors"
	"testing"

	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// An attacker who opens calls and leaves at once must not have each one's signature checked.
func TestVerifyDoesNothingForACallThatHasEnded(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	v := newVerifier(t, offline(issuer))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, token := range map[string]string{"a good token": issuer.Token(nil), "no token": ""} {
		if claims, err := v.Verify(ctx, token); claims != nil || !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v, %v, want %v", name, claims, err, context.Canceled)
		}
	}
}
