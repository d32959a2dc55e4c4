package ports_test

import (
	"context"
	"crypto/sha256"
	"testing"
	"time"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/internal/ports/buildbarn"
	"github.com/oidcrpc/oidcrpc/internal/ports/flipt"
	"github.com/oidcrpc/oidcrpc/internal/ports/netbird"
	"github.com/oidcrpc/oidcrpc/internal/ports/oidcauth"
	"github.com/oidcrpc/oidcrpc/internal/ports/openfga"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

var ports = map[string]port{
	"openfga": {
		serve: openFGA,
		place: [2]string{"authorization", "Bearer"}, refusal: `error="invalid_token"`,
		offer: `Bearer realm="api"`,
	},
	"flipt": {
		serve: fliptJWT,
		place: [2]string{"authorization", "JWT"}, refusal: `JWT realm="api"`,
		other:  []string{"authorization", "Bearer s3cret"},
		caller: "ci",
		offer:  `Bearer realm="api", JWT realm="api"`,
	},
	"netbird": {
		serve: netBird,
		place: [2]string{"authorization", "Bearer"}, refusal: `error="invalid_token"`,
		other:  []string{"authorization", "Token " + pat},
		caller: "bob",
		offer:  `Bearer realm="api", Token realm="api"`,
	},
	"buildbarn": {
		serve: buildBarn,
		place: [2]string{"authorization", "Bearer"}, refusal: `error="invalid_token"`,
		offer: `Bearer realm="api"`,
	},
	"oidcauth": {
		serve: oidcAuth,
		place: [2]string{"x-token", "Bearer"}, // none of its tokens stands where challenges send them
	},
	"minder": {
		serve: serveMinder,
		place: [2]string{"authorization", "Bearer"}, refusal: `error="invalid_token"`,
		offer: `Bearer realm="https://issuer.test"`,
	},
}

func openFGA(t *testing.T, s source) *client {
	var c openfga.Config
	configure(t, &c, `
method: oidc
oidc:
  issuer: `+s.URL()+`
  audience: `+verifiertest.Audience+`
  subjects: [alice]
`)
	return serveGreet(t, must(t)(openfga.New(c)))
}

func fliptJWT(t *testing.T, s source) *client {
	var c flipt.Config
	configure(t, &c, `
required: true
methods:
  token:
    enabled: true
    storage:
      type: static
      tokens:
        ci:
          credential: s3cret
          metadata: {team: shop}
  jwt:
    enabled: true
    jwks_url: `+s.URL()+`/jwks
    validate_claims:
      issuer: `+s.URL()+`
      subject: alice
      audiences: [`+verifiertest.Audience+`]
`)
	return serveGreet(t, must(t)(flipt.New(c)))
}

const pat = "nbp_F3f0d8k1mRx5bBqWm2y1tq0aXc9eYh2zQs1"

type store struct{}

func (store) GetPATByHashedToken(_ context.Context, hash [sha256.Size]byte) (netbird.PAT, bool, error) {
	return netbird.PAT{UserID: "bob", Expires: time.Now().Add(time.Hour)}, hash == sha256.Sum256([]byte(pat)), nil
}

func netBird(t *testing.T, s source) *client {
	return serveGreet(t, must(t)(netbird.New(netbird.Config{
		AuthIssuer: s.URL(), AuthAudience: verifiertest.Audience, Store: store{},
		KeyFetcher: func(ctx context.Context) ([]byte, error) {
			if err := s.failure(); err != nil {
				return nil, err
			}
			return s.JWKS(), nil
		},
	})))
}

func buildBarn(t *testing.T, s source) *client {
	other := verifiertest.NewIssuer(verifiertest.WithURL(otherURL))
	auth, _ := newBuildbarn(t, s, other)
	return serveGreet(t, auth)
}

const otherURL = "https://other.test"

func newBuildbarn(t *testing.T, s source, inline *verifiertest.Issuer) (*interceptor.Authenticator, *buildbarn.Tokens) {
	var p buildbarn.Policy
	configure(t, &p, `{"any": {"policies": [
		{"jwt": {
			"jwksInline": `+string(inline.JWKS())+`,
			"issuer": "`+inline.URL()+`",
			"audience": "`+verifiertest.Audience+`",
			"claimsValidationJmespathExpression": {"expression": "`+"`true`"+`"},
			"metadataExtractionJmespathExpression": {"expression": "`+"`{}`"+`"}
		}},
		{"jwt": {
			"jwksFile": "`+s.file+`",
			"issuer": "`+s.URL()+`",
			"audience": "`+verifiertest.Audience+`",
			"maximumCacheSize": 1000,
			"claimsValidationJmespathExpression": {"expression": "payload.sub == 'alice'"},
			"metadataExtractionJmespathExpression": {"expression": "{public: {name: payload.sub}}"}
		}}
	]}}`)
	auth, tokens, err := buildbarn.New(p)
	return must(t)(auth, err), tokens
}

func oidcAuth(t *testing.T, s source) *client {
	var c oidcauth.Config
	configure(t, &c, `
attribute: x-token
providers:
  - issuer_url: `+s.URL()+`
    audience: `+verifiertest.Audience+`
    public_keys_file: `+s.file+`
    username_claim: email
    groups_claim: groups
  - issuer_url: `+otherURL+`
    audience: collector
`)
	return serveGreet(t, must(t)(oidcauth.New(c)))
}
