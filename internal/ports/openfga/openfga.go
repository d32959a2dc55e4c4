// Package openfga is the authentication of OpenFGA: preshared keys, or one OpenID provider.
package openfga

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
)

// A Config is the section authn in OpenFGA's configuration.
type Config struct {
	Method    string `yaml:"method"` // none, preshared or oidc
	Preshared struct {
		Keys []string `yaml:"keys"`
	} `yaml:"preshared"`
	OIDC struct {
		Issuer         string   `yaml:"issuer"`
		IssuerAliases  []string `yaml:"issuerAliases"`
		Audience       string   `yaml:"audience"`
		Subjects       []string `yaml:"subjects"`
		ClientIDClaims []string `yaml:"clientIdClaims"`
		JWKSURI        string   `yaml:"jwksUri"` // not in OpenFGA; aliases need it
	} `yaml:"oidc"`
}

// New returns what guards the server.
func New(c Config) (*interceptor.Authenticator, error) {
	switch c.Method {
	case "none":
		return interceptor.New(presharedKeys{}, interceptor.WithPolicy(interceptor.Policy{
			"/*": {Access: interceptor.AccessPublic},
		}))
	case "preshared":
		keys, err := newPresharedKeys(c.Preshared.Keys)
		if err != nil {
			return nil, err
		}
		return interceptor.New(keys)
	case "oidc":
		issuers, err := newIssuers(c)
		if err != nil {
			return nil, err
		}
		return interceptor.New(issuers)
	default:
		return nil, fmt.Errorf("authn.method %q is unknown", c.Method)
	}
}

// newIssuers takes an alias for an issuer with the same keys.
func newIssuers(c Config) (*verifier.Multi, error) {
	if len(c.OIDC.IssuerAliases) > 0 && c.OIDC.JWKSURI == "" {
		return nil, errors.New("authn.oidc.issuerAliases needs jwksUri")
	}
	var configs []verifier.Config
	for _, issuer := range append([]string{c.OIDC.Issuer}, c.OIDC.IssuerAliases...) {
		configs = append(configs, verifier.Config{
			Issuer:    issuer,
			Audiences: []string{c.OIDC.Audience},
			JWKSURL:   c.OIDC.JWKSURI,
			Require:   verifier.Requirement{Subjects: c.OIDC.Subjects},
		})
	}
	return verifier.NewMulti(configs...)
}

// presharedKeys has only the keys' hashes, so no comparison tells how much of a key is right.
type presharedKeys map[[sha256.Size]byte]bool

func newPresharedKeys(keys []string) (presharedKeys, error) {
	if len(keys) == 0 {
		return nil, errors.New("authn.preshared.keys is empty")
	}
	hashes := make(presharedKeys)
	for _, key := range keys {
		hashes[sha256.Sum256([]byte(key))] = true
	}
	return hashes, nil
}

func (k presharedKeys) Verify(_ context.Context, key string) (*verifier.Claims, error) {
	if !k[sha256.Sum256([]byte(key))] {
		return nil, &verifier.AuthError{Code: verifier.CodeInvalidToken, Message: "the key is unknown"}
	}
	return verifier.NewClaims([]byte(`{}`), verifier.ClaimsConfig{Issuer: "preshared", AllowNoExpiry: true})
}

// ClientID returns the first of the configured claims that the token has, by default azp or
// client_id.
func (c Config) ClientID(claims *verifier.Claims) string {
	if len(c.OIDC.ClientIDClaims) == 0 {
		return claims.ClientID()
	}
	var all map[string]any
	if claims.Decode(&all) == nil {
		for _, name := range c.OIDC.ClientIDClaims {
			if id, ok := all[name].(string); ok {
				return id
			}
		}
	}
	return ""
}
