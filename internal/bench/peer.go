package main

import (
	"bytes"
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/auth0/go-jwt-middleware/v3/validator"
	gooidc "github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	jwxjwt "github.com/lestrrat-go/jwx/v3/jwt"
	"github.com/zitadel/oidc/v3/pkg/client/rp"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// A verify verifies one token.
type verify func(ctx context.Context, s *sample) error

// A peer is a library that verifies access tokens, set up as its documentation says:
// signature, issuer, audience and expiry are checked.
type peer struct {
	name   string
	module string
	start  func(issuer *verifiertest.Issuer, alg string) (verify, error)
}

// peers are in the order of the tables. The first does only what every verifier must
// do.
var peers = []peer{
	{cryptoOnly, "std", cryptoAlone},
	{"go-jose", "github.com/go-jose/go-jose/v4", goJose},
	{"keyfunc", "github.com/MicahParks/keyfunc/v3", keyfuncJWT},
	{"go-oidc", "github.com/coreos/go-oidc/v3", goOIDC},
	{"zitadel", "github.com/zitadel/oidc/v3", zitadel},
	{"jwx", "github.com/lestrrat-go/jwx/v3", jwx},
	{"auth0", "github.com/auth0/go-jwt-middleware/v3", auth0},
	{ours, "github.com/oidcrpc/oidcrpc", oidcrpc},
}

const (
	ours       = "oidcrpc"
	cryptoOnly = "crypto alone"
)

func oidcrpc(issuer *verifiertest.Issuer, alg string) (verify, error) {
	return startOurs(issuer, alg, 0)
}

func startOurs(issuer *verifiertest.Issuer, alg string, cacheSize int) (verify, error) {
	config := issuer.Config()
	config.Algorithms = []string{alg}
	config.TokenCacheSize = cacheSize
	v, err := verifier.New(config)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, s *sample) error {
		_, err := v.Verify(ctx, s.token)
		return err
	}, nil
}

// claims are the registered ones, and others that a policy reads.
type claims struct {
	jwt.RegisteredClaims

	ClientID    string   `json:"client_id"`
	Scope       string   `json:"scope"`
	Permissions []string `json:"permissions"`
}

func (c *claims) check(issuer string) error {
	switch {
	case c.Issuer != issuer:
		return errors.New("another issuer")
	case !slices.Contains(c.Audience, verifiertest.Audience):
		return errors.New("another audience")
	case c.ExpiresAt == nil || !time.Now().Before(c.ExpiresAt.Time):
		return errors.New("expired")
	}
	return nil
}

func goJose(issuer *verifiertest.Issuer, alg string) (verify, error) {
	key, err := publicKey(issuer, alg)
	if err != nil {
		return nil, err
	}
	algs := []jose.SignatureAlgorithm{jose.SignatureAlgorithm(alg)}
	return func(_ context.Context, s *sample) error {
		parsed, err := jose.ParseSignedCompact(s.token, algs)
		if err != nil {
			return err
		}
		payload, err := parsed.Verify(key)
		if err != nil {
			return err
		}
		var c claims
		if err := json.Unmarshal(payload, &c); err != nil {
			return err
		}
		return c.check(issuer.URL())
	}, nil
}

func publicKey(issuer *verifiertest.Issuer, alg string) (crypto.PublicKey, error) {
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(issuer.JWKS(), &set); err != nil {
		return nil, err
	}
	for _, key := range set.Keys {
		if key.Algorithm == alg {
			return key.Key, nil
		}
	}
	return nil, errors.New("no key for " + alg)
}

func keyfuncJWT(issuer *verifiertest.Issuer, alg string) (verify, error) {
	keys, err := keyfunc.NewJWKSetJSON(issuer.JWKS())
	if err != nil {
		return nil, err
	}
	parser := jwt.NewParser(
		jwt.WithValidMethods([]string{alg}),
		jwt.WithIssuer(issuer.URL()),
		jwt.WithAudience(verifiertest.Audience),
		jwt.WithExpirationRequired(),
	)
	return func(_ context.Context, s *sample) error {
		_, err := parser.ParseWithClaims(s.token, &claims{}, keys.Keyfunc)
		return err
	}, nil
}

func goOIDC(issuer *verifiertest.Issuer, alg string) (verify, error) {
	ctx := gooidc.ClientContext(context.Background(), issuer.Config().HTTPClient)
	keys := gooidc.NewRemoteKeySet(ctx, issuer.URL()+"/jwks")
	v := gooidc.NewVerifier(issuer.URL(), keys, &gooidc.Config{
		ClientID:             verifiertest.Audience,
		SupportedSigningAlgs: []string{alg},
	})
	return func(ctx context.Context, s *sample) error {
		verified, err := v.Verify(ctx, s.token)
		if err != nil {
			return err
		}
		return verified.Claims(&claims{})
	}, nil
}

func zitadel(issuer *verifiertest.Issuer, alg string) (verify, error) {
	keys := rp.NewRemoteKeySet(issuer.Config().HTTPClient, issuer.URL()+"/jwks")
	v := op.NewAccessTokenVerifier(issuer.URL(), keys, op.WithSupportedAccessTokenSigningAlgorithms(alg))
	return func(ctx context.Context, s *sample) error {
		verified, err := op.VerifyAccessToken[*oidc.AccessTokenClaims](ctx, s.token, v)
		if err != nil {
			return err
		}
		return oidc.CheckAudience(verified, verifiertest.Audience)
	}, nil
}

func jwx(issuer *verifiertest.Issuer, _ string) (verify, error) {
	keys, err := jwk.Parse(issuer.JWKS())
	if err != nil {
		return nil, err
	}
	return func(_ context.Context, s *sample) error {
		_, err := jwxjwt.ParseString(s.token,
			jwxjwt.WithKeySet(keys),
			jwxjwt.WithIssuer(issuer.URL()),
			jwxjwt.WithAudience(verifiertest.Audience),
			jwxjwt.WithRequiredClaim(jwxjwt.ExpirationKey),
		)
		return err
	}, nil
}

func auth0(issuer *verifiertest.Issuer, alg string) (verify, error) {
	if _, ok := jwa.LookupSignatureAlgorithm(alg); !ok {
		return nil, errors.New("jwx does not know " + alg)
	}
	keys, err := jwk.ParseReader(bytes.NewReader(issuer.JWKS()))
	if err != nil {
		return nil, err
	}
	v, err := validator.New(
		validator.WithKeyFunc(func(context.Context) (any, error) { return keys, nil }),
		validator.WithAlgorithm(validator.SignatureAlgorithm(alg)),
		validator.WithIssuer(issuer.URL()),
		validator.WithAudience(verifiertest.Audience),
	)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, s *sample) error {
		_, err := v.ValidateToken(ctx, s.token)
		return err
	}, nil
}
