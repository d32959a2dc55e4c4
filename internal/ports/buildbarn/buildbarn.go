// Package buildbarn is the authentication of Buildbarn: tokens whose keys are in files, any of
// several policies, and expressions over claims.
package buildbarn

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/jmespath/go-jmespath"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
)

// A Policy is Buildbarn's AuthenticationPolicy, as far as it's about tokens. One field is set.
type Policy struct {
	JWT *JWT `yaml:"jwt"`
	Any struct {
		Policies []Policy `yaml:"policies"`
	} `yaml:"any"`
}

// JWT is Buildbarn's AuthorizationHeaderParserConfiguration.
type JWT struct {
	JWKSInline         map[string]any `yaml:"jwksInline"`
	JWKSFile           string         `yaml:"jwksFile"`
	MaximumCacheSize   int            `yaml:"maximumCacheSize"`
	ClaimsValidation   Expression     `yaml:"claimsValidationJmespathExpression"`
	MetadataExtraction Expression     `yaml:"metadataExtractionJmespathExpression"`

	Issuer   string `yaml:"issuer"`   // not in Buildbarn
	Audience string `yaml:"audience"` // not in Buildbarn
}

// An Expression is JMESPath over an object whose member payload is the claims.
type Expression struct {
	Expression string `yaml:"expression"`
}

// Tokens verifies the tokens that any policy accepts.
type Tokens struct {
	issuers     *verifier.Multi
	expressions map[string]expressions // by issuer
}

type expressions struct{ validation, metadata *jmespath.JMESPath }

// New returns what guards the server, and what extracts the metadata.
func New(p Policy) (*interceptor.Authenticator, *Tokens, error) {
	policies := append([]Policy{p}, p.Any.Policies...)
	tokens := &Tokens{expressions: make(map[string]expressions)}
	var configs []verifier.Config
	for _, policy := range policies {
		if policy.JWT == nil {
			continue
		}
		config, err := policy.JWT.config()
		if err != nil {
			return nil, nil, err
		}
		configs = append(configs, config)
		tokens.expressions[policy.JWT.Issuer], err = policy.JWT.compile()
		if err != nil {
			return nil, nil, err
		}
	}
	var err error
	if tokens.issuers, err = verifier.NewMulti(configs...); err != nil {
		return nil, nil, err
	}
	auth, err := interceptor.New(tokens)
	return auth, tokens, err
}

func (c *JWT) config() (config verifier.Config, err error) {
	config = verifier.Config{
		Issuer:         c.Issuer,
		Audiences:      []string{c.Audience},
		Algorithms:     []string{"RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "EdDSA"},
		TokenCacheSize: c.MaximumCacheSize,
	}
	if c.JWKSFile != "" {
		config.JWKSFile = c.JWKSFile
		return config, nil
	}
	config.JWKS, err = json.Marshal(c.JWKSInline)
	return config, err
}

func (c *JWT) compile() (e expressions, err error) {
	if e.validation, err = jmespath.Compile(c.ClaimsValidation.Expression); err != nil {
		return e, err
	}
	e.metadata, err = jmespath.Compile(c.MetadataExtraction.Expression)
	return e, err
}

// Verify returns a token's claims if its policy's expression is true for them.
func (t *Tokens) Verify(ctx context.Context, token string) (*verifier.Claims, error) {
	claims, err := t.issuers.Verify(ctx, token)
	if err != nil {
		return nil, err
	}
	result, err := search(t.expressions[claims.Issuer()].validation, claims)
	if err != nil || result != true {
		return nil, &verifier.AuthError{
			Code: verifier.CodeInvalidToken, Message: "the claims are not what this service accepts", Err: err,
		}
	}
	return claims, nil
}

// Metadata returns what the policy extracts from the claims of a call's caller.
func (t *Tokens) Metadata(ctx context.Context) (any, error) {
	claims, ok := interceptor.ClaimsFromContext(ctx)
	if !ok {
		return nil, errors.New("the call has no claims")
	}
	return search(t.expressions[claims.Issuer()].metadata, claims)
}

func search(expression *jmespath.JMESPath, claims *verifier.Claims) (any, error) {
	var payload map[string]any
	if err := claims.Decode(&payload); err != nil {
		return nil, err
	}
	return expression.Search(map[string]any{"payload": payload})
}
