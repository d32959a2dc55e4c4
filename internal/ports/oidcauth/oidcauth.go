// Package oidcauth is the authentication of the OpenTelemetry Collector's extension oidcauth:
// several providers, whose keys can be in files, and a metadata key of choice.
package oidcauth

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"os"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
)

// A Config is the extension's configuration.
type Config struct {
	Attribute string     `yaml:"attribute"`
	Providers []Provider `yaml:"providers"`
}

// A Provider is one issuer.
type Provider struct {
	IssuerURL      string `yaml:"issuer_url"`
	Audience       string `yaml:"audience"`
	IssuerCAPath   string `yaml:"issuer_ca_path"`
	UsernameClaim  string `yaml:"username_claim"`
	GroupsClaim    string `yaml:"groups_claim"`
	PublicKeysFile string `yaml:"public_keys_file"`
}

// New returns what guards the server. Permissions are the groups.
func New(c Config) (*interceptor.Authenticator, error) {
	var configs []verifier.Config
	for _, p := range c.Providers {
		config, err := p.config()
		if err != nil {
			return nil, err
		}
		configs = append(configs, config)
	}
	tokens, err := verifier.NewMulti(configs...)
	if err != nil {
		return nil, err
	}
	if c.Attribute == "" || c.Attribute == "authorization" {
		return interceptor.New(tokens)
	}
	return interceptor.New(tokens, interceptor.WithPlace(interceptor.MetadataScheme(c.Attribute, "Bearer")))
}

func (p Provider) config() (config verifier.Config, err error) {
	config = verifier.Config{
		Issuer:           p.IssuerURL,
		Audiences:        []string{p.Audience},
		Algorithms:       []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"},
		PermissionsClaim: p.GroupsClaim,
		AcceptIDTokens:   true,
	}
	switch {
	case p.PublicKeysFile != "":
		config.JWKSFile = p.PublicKeysFile
	case p.IssuerCAPath != "":
		config.HTTPClient, err = trusting(p.IssuerCAPath)
	}
	return config, err
}

func trusting(file string) (*http.Client, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, errors.New(file + " has no certificate in PEM")
	}
	return &http.Client{Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: pool},
	}}, nil
}

// Username returns the claim with the caller's name, by default the subject.
func (c Config) Username(claims *verifier.Claims) string {
	for _, p := range c.Providers {
		if p.IssuerURL == claims.Issuer() && p.UsernameClaim != "" {
			var all map[string]any
			_ = claims.Decode(&all)
			name, _ := all[p.UsernameClaim].(string)
			return name
		}
	}
	return claims.Subject()
}
