package verifier_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/oidcrpc/oidcrpc/verifier"
)

// As with Config.Require: the caller hears at once of all that the call needs.
func TestClaimsConfigRequireCountsForEveryCall(t *testing.T) {
	t.Parallel()
	config := verifier.ClaimsConfig{Issuer: "api-keys", AllowNoExpiry: true}
	config.Require.Scopes = []string{"orders:read"}
	for object, want := range map[string]verifier.Code{
		`{"scope":"orders:read orders:write"}`: "",
		`{"scope":"orders:read"}`:              verifier.CodeInsufficientScope,
		`{"scope":"orders:write"}`:             verifier.CodeInsufficientScope,
	} {
		claims, err := verifier.NewClaims([]byte(object), config)
		if err != nil {
			t.Fatal(err)
		}
		err = verifier.Requirement{Scopes: []string{"orders:write"}}.Check(claims)
		if verifier.CodeOf(err) != want {
			t.Errorf("%s: %v, want code %q", object, err, want)
		}
		if refusal, ok := errors.AsType[*verifier.AuthError](err); ok &&
			!slices.Equal(refusal.Scopes, []string{"orders:read", "orders:write"}) {
			t.Errorf("%s: the scopes are %q", object, refusal.Scopes)
		}
	}
	config.Require.Scopes[0] = "a b"
	_, err := verifier.NewClaims([]byte(`{}`), config)
	if err == nil || !strings.Contains(err.Error(), "ClaimsConfig.Require: ") {
		t.Errorf("NewClaims: %v, want an error about ClaimsConfig.Require", err)
	}
}
