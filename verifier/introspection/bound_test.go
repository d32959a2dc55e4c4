package introspection_test

import (
	"context"
	"errors"
	"testing"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/introspection"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

const thumbprint = "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg0"

func TestVerifyBoundAsksForWhatTheAuthorizationServerSays(t *testing.T) {
	t.Parallel()
	byKey := map[string]any{"jkt": thumbprint}
	byCertificate := map[string]any{"x5t#S256": thumbprint}
	key := verifier.Confirmation{KeyThumbprint: thumbprint}
	certificate := verifier.Confirmation{CertificateThumbprint: thumbprint}
	for _, test := range []struct {
		name   string
		claims map[string]any
		asked  verifier.Confirmation
		want   verifier.Code
	}{
		{"nothing", nil, verifier.Confirmation{}, ""},
		{"a key", map[string]any{"cnf": byKey}, key, ""},
		{"a key, with DPoP's type", map[string]any{"cnf": byKey, "token_type": "DPoP"}, key, ""},
		{"a key, with Keycloak's type", map[string]any{"cnf": byKey, "token_type": "DPoP", "typ": "DPoP"}, key, ""},
		{"a certificate", map[string]any{"cnf": byCertificate}, certificate, ""},
		{"a certificate, with DPoP's type", map[string]any{"cnf": byCertificate, "token_type": "DPoP"}, certificate, verifier.CodeInvalidToken},
		{"nothing, with DPoP's type", map[string]any{"token_type": "DPoP"}, key, verifier.CodeInvalidToken},
		{"nothing, with DPoP's type in typ", map[string]any{"typ": "dpop"}, key, verifier.CodeInvalidToken},
		{"DPoP as another member", map[string]any{"cnf": byKey, "token_use": "dpop"}, key, ""},
		{"no hash", map[string]any{"cnf": map[string]any{"jkt": "x"}}, key, verifier.CodeInvalidToken},
		{"an unknown method", map[string]any{"cnf": map[string]any{"kid": "x"}}, key, verifier.CodeInvalidToken},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newServer()
			opaque := s.verifier(t, nil)
			either := must(introspection.NewEither(must(verifier.New(verifiertest.NewIssuer().Config())), opaque))
			token := s.issue("opaque", test.claims)
			for range 2 { // asked about, and remembered
				for kind, verifyBound := range map[string]func(
					context.Context, string, func(verifier.Confirmation) error,
				) (*verifier.Claims, error){"Verifier": opaque.VerifyBound, "Either": either.VerifyBound} {
					var asked []verifier.Confirmation
					claims, err := verifyBound(t.Context(), token, func(c verifier.Confirmation) error {
						asked = append(asked, c)
						return nil
					})
					switch {
					case verifier.CodeOf(err) != test.want || (err == nil) != (test.want == ""):
						t.Fatalf("%s: %v, want code %q", kind, err, test.want)
					case test.want != "" && (claims != nil || len(asked) != 0):
						t.Errorf("%s: refused with claims %v, asked to prove %+v", kind, claims, asked)
					case test.want == "" && (len(asked) != 1 || asked[0] != test.asked || claims.Confirmation() != test.asked):
						t.Errorf("%s: asked to prove %+v, bound to %+v", kind, asked, claims.Confirmation())
					}
				}
				if !test.asked.IsZero() { // also after it was proven
					refuse(t, opaque, token, verifier.CodeInvalidToken)
					if claims, err := either.Verify(t.Context(), token); claims != nil || verifier.CodeOf(err) != verifier.CodeInvalidToken {
						t.Errorf("Either.Verify: %v", err)
					}
				}
			}
			if got := s.questions(); got != 1 {
				t.Errorf("%d questions, want 1", got)
			}
		})
	}
}

func TestVerifyBoundReturnsTheErrorOfTheProof(t *testing.T) {
	t.Parallel()
	s := newServer()
	v := s.verifier(t, require("orders:write"))
	token := s.issue("opaque", map[string]any{"cnf": map[string]any{"jkt": thumbprint}})
	failure := errors.New("no proof")
	for range 2 {
		claims, err := v.VerifyBound(t.Context(), token, func(verifier.Confirmation) error { return failure })
		if claims != nil || !errors.Is(err, failure) {
			t.Errorf("claims %v and %v, want the proof's error, before the scope's", claims, err)
		}
	}
}

func TestZeroVerifiersProveNothing(t *testing.T) {
	t.Parallel()
	prove := func(verifier.Confirmation) error {
		t.Error("a proof was asked for")
		return nil
	}
	if _, err := new(introspection.Verifier).VerifyBound(t.Context(), "opaque", prove); err == nil {
		t.Error("the zero Verifier accepts")
	}
	if _, err := new(introspection.Either).VerifyBound(t.Context(), "opaque", prove); err == nil {
		t.Error("the zero Either accepts")
	}
}
