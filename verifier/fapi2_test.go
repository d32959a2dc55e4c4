package verifier_test

import (
	"strings"
	"testing"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// FAPI 2.0 Security Profile, section 5.4.1.
func TestFAPI2AcceptsItsAlgorithmsAlone(t *testing.T) {
	t.Parallel()
	for _, alg := range []string{"RS256", "RS512", "PS256", "PS384", "ES256", "ES384", "EdDSA", "Ed25519"} {
		issuer := verifiertest.NewIssuer(verifiertest.WithAlgorithms(alg))
		config := offline(issuer)
		config.Algorithms = nil
		config.FAPI2 = true
		v := newVerifier(t, config)
		allowed := alg == "PS256" || alg == "ES256" || alg == "EdDSA" || alg == "Ed25519"
		var asked []verifier.Confirmation
		_, err := v.VerifyBound(t.Context(), issuer.Token(boundTo(map[string]any{"jkt": keyThumbprint})), proof(&asked))
		switch {
		case allowed && err != nil:
			t.Errorf("%s: %v", alg, err)
		case !allowed && verifier.CodeOf(err) != verifier.CodeDisallowedAlg:
			t.Errorf("%s: %v, want code %q", alg, err, verifier.CodeDisallowedAlg)
		}
		config.Algorithms = []string{alg}
		if _, err := verifier.New(config); (err == nil) != allowed {
			t.Errorf("Algorithms %s: %v", alg, err)
		}
	}
}

// FAPI 2.0 Security Profile, section 5.3.4, number 5.
func TestFAPI2RequiresBoundTokens(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer(verifiertest.WithAlgorithms("ES256"))
	config := offline(issuer)
	config.FAPI2 = true
	config.Require.Scopes = []string{"read"}
	v := newVerifier(t, config)
	refuse(t, v, issuer.Token(map[string]any{"scope": "read"}), verifier.CodeUnboundToken)
	refuse(t, v, issuer.Token(map[string]any{"scope": "read", "cnf": map[string]any{"jkt": keyThumbprint}}),
		verifier.CodeInvalidToken)
}

func TestFAPI2ExcludesWhatContradictsIt(t *testing.T) {
	t.Parallel()
	for field, change := range map[string]func(*verifier.Config){
		"Config.Algorithms":     func(c *verifier.Config) { c.Algorithms = []string{"ES256", "RS256"} },
		"Config.AllowHTTP":      func(c *verifier.Config) { c.AllowHTTP = true },
		"Config.AcceptIDTokens": func(c *verifier.Config) { c.AcceptIDTokens = true },
	} {
		config := verifier.Config{Issuer: "https://login.test", Audiences: []string{"api"}, FAPI2: true}
		if _, err := verifier.New(config); err != nil {
			t.Fatal(err)
		}
		change(&config)
		if _, err := verifier.New(config); err == nil || !strings.Contains(err.Error(), "Config.FAPI2 excludes") ||
			!strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v, want an error that names both fields", field, err)
		}
	}
}
