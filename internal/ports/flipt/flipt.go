// Package flipt is the authentication of Flipt: client tokens from its configuration, and the
// tokens of an issuer or of a Kubernetes cluster under a scheme of their own.
package flipt

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"

	"github.com/go-jose/go-jose/v4"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/kubernetes"
)

// A Config is the section authentication in Flipt's configuration.
type Config struct {
	Required bool `yaml:"required"`
	Exclude  struct {
		Evaluation bool `yaml:"evaluation"`
		OFREP      bool `yaml:"ofrep"`
	} `yaml:"exclude"`
	Methods struct {
		Token struct {
			Enabled bool `yaml:"enabled"`
			Storage struct {
				Tokens map[string]struct {
					Credential string            `yaml:"credential"`
					Metadata   map[string]string `yaml:"metadata"`
				} `yaml:"tokens"`
			} `yaml:"storage"`
		} `yaml:"token"`
		JWT struct {
			Enabled        bool `yaml:"enabled"`
			ValidateClaims struct {
				Issuer    string   `yaml:"issuer"`
				Subject   string   `yaml:"subject"`
				Audiences []string `yaml:"audiences"`
			} `yaml:"validate_claims"`
			JWKSURL       string `yaml:"jwks_url"`
			PublicKeyFile string `yaml:"public_key_file"`
		} `yaml:"jwt"`
		Kubernetes struct {
			Enabled                 bool     `yaml:"enabled"`
			DiscoveryURL            string   `yaml:"discovery_url"`
			CAPath                  string   `yaml:"ca_path"`
			ServiceAccountTokenPath string   `yaml:"service_account_token_path"`
			Audiences               []string `yaml:"audiences"` // not in Flipt
		} `yaml:"kubernetes"`
	} `yaml:"methods"`
}

// New returns what guards the server. Flipt allows one of jwt and kubernetes.
func New(c Config) (*interceptor.Authenticator, error) {
	tokens, err := newClientTokens(c)
	if err != nil {
		return nil, err
	}
	policy := make(interceptor.Policy)
	options := []interceptor.Option{
		interceptor.WithCredential(interceptor.Cookie("flipt_client_token"), tokens),
		interceptor.WithPolicy(policy),
	}
	if c.Exclude.Evaluation {
		policy["/flipt.evaluation.EvaluationService/*"] = interceptor.Rule{Access: interceptor.AccessPublic}
	}
	if c.Exclude.OFREP {
		policy["/flipt.ofrep.OFREPService/*"] = interceptor.Rule{Access: interceptor.AccessPublic}
	}
	if !c.Required {
		policy["/*"] = interceptor.Rule{Access: interceptor.AccessPublic}
	}
	if c.Methods.JWT.Enabled || c.Methods.Kubernetes.Enabled {
		config, err := c.jwtConfig()
		if err != nil {
			return nil, err
		}
		jwt, err := verifier.New(config)
		if err != nil {
			return nil, err
		}
		options = append(options, interceptor.WithCredential(interceptor.Scheme("JWT"), jwt))
	}
	return interceptor.New(tokens, options...)
}

// clientTokens has the caller's claims for each token's hash.
type clientTokens map[[sha256.Size]byte][]byte

func newClientTokens(c Config) (clientTokens, error) {
	rows := make(clientTokens)
	if !c.Methods.Token.Enabled {
		return rows, nil
	}
	for name, token := range c.Methods.Token.Storage.Tokens {
		row, err := json.Marshal(map[string]any{"sub": name, "metadata": token.Metadata})
		if err != nil {
			return nil, err
		}
		rows[sha256.Sum256([]byte(token.Credential))] = row
	}
	return rows, nil
}

func (rows clientTokens) Verify(_ context.Context, token string) (*verifier.Claims, error) {
	row, ok := rows[sha256.Sum256([]byte(token))]
	if !ok {
		return nil, &verifier.AuthError{Code: verifier.CodeInvalidToken, Message: "the client token is unknown"}
	}
	return verifier.NewClaims(row, verifier.ClaimsConfig{Issuer: "flipt", AllowNoExpiry: true})
}

func (c Config) jwtConfig() (config verifier.Config, err error) {
	jwt, cluster := c.Methods.JWT, c.Methods.Kubernetes
	if cluster.Enabled {
		return kubernetes.Cluster{
			Server: cluster.DiscoveryURL, CAFile: cluster.CAPath, TokenFile: cluster.ServiceAccountTokenPath,
		}.Config(cluster.Audiences...)
	}
	config = verifier.Config{
		Issuer:     jwt.ValidateClaims.Issuer,
		Audiences:  jwt.ValidateClaims.Audiences,
		JWKSURL:    jwt.JWKSURL,
		Algorithms: []string{"RS256", "RS512", "ES256", "ES512", "EdDSA"},
	}
	if jwt.ValidateClaims.Subject != "" {
		config.Require.Subjects = []string{jwt.ValidateClaims.Subject}
	}
	if jwt.PublicKeyFile != "" {
		config.JWKS, err = jwksOf(jwt.PublicKeyFile)
	}
	return config, err
}

// jwksOf returns the public key in a PEM file as a JWK Set.
func jwksOf(file string) ([]byte, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s is not PEM", file)
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	return json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key}}})
}
