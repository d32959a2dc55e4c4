package e2e_test

import (
	"fmt"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"google.golang.org/grpc/codes"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
)

// identityOf returns what a handler should see of the provider's client.
func identityOf(p *provider, client string, scopes ...string) string {
	return fmt.Sprintf("iss=%s sub=account-of-%s client_id=%s aud=[%q] scope=%q jti=token-1",
		p.url, client, client, audience, scopes)
}

func TestHandlersOnBothStacksSeeTheTokensClaims(t *testing.T) {
	p := startProvider(t, "", jose.RS256)
	callers := startServers(t, p.config())
	token := p.token(t, robot, "greet:read", "greet:write")
	want := identityOf(p, robot, "greet:read", "greet:write")
	forEachProcedure(t, callers, token, admitted(want))
}

func TestEveryAlgorithmTheProviderSignsWithIsAccepted(t *testing.T) {
	for _, alg := range []jose.SignatureAlgorithm{
		jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512,
		jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
	} {
		t.Run(string(alg), func(t *testing.T) {
			p := startProvider(t, "", alg)
			config := p.config()
			config.Algorithms = []string{string(alg)}
			v, err := verifier.New(config)
			if err != nil {
				t.Fatal(err)
			}
			claims, err := v.Verify(t.Context(), p.token(t, robot))
			if err != nil || claims.ClientID() != robot {
				t.Errorf("got %v, %v", claims, err)
			}
		})
	}
}

// The issuer's name decides both what iss has to be and where its metadata is.
func TestIssuerIsDiscoveredUnderAnyPath(t *testing.T) {
	for _, path := range []string{"", "/", "/tenant", "/tenant/"} {
		t.Run("path "+path, func(t *testing.T) {
			p := startProvider(t, path, jose.ES256)
			config := p.config()
			config.Algorithms = []string{"ES256"}
			v, err := verifier.New(config)
			if err != nil {
				t.Fatal(err)
			}
			claims, err := v.Verify(t.Context(), p.token(t, robot))
			if err != nil || claims.Issuer() != p.url {
				t.Errorf("got %v, %v", claims, err)
			}
		})
	}
}

func TestProvidersScopesSatisfyAPolicy(t *testing.T) {
	p := startProvider(t, "", jose.RS256)
	callers := startServers(t, p.config(), interceptor.WithRealm("greet"), interceptor.WithPolicy(interceptor.Policy{
		"/greet.v1.GreetService/*": {Require: verifier.Requirement{Scopes: []string{"greet:write"}}},
	}))
	t.Run("asked for and granted", func(t *testing.T) {
		token := p.token(t, robot, "greet:write")
		forEachProcedure(t, callers, token, admitted(identityOf(p, robot, "greet:write")))
	})
	for name, token := range map[string]string{
		"not asked for":     p.token(t, robot),
		"asked for another": p.token(t, robot, "greet:read"),
		"not granted":       p.token(t, visitor, "greet:read", "greet:write"),
	} {
		t.Run(name, func(t *testing.T) {
			forEachProcedure(t, callers, token, refused(codes.PermissionDenied, "INSUFFICIENT_SCOPE",
				`Bearer realm="greet", error="insufficient_scope", scope="greet:write"`))
		})
	}
}

func TestTokenForAnotherAudienceIsRefused(t *testing.T) {
	p := startProvider(t, "", jose.RS256)
	token := p.token(t, stranger)
	forEachProcedure(t, startServers(t, p.config()), token, refused(codes.Unauthenticated, "INVALID_AUDIENCE",
		`Bearer realm="api", error="invalid_token", error_description="the token is for another audience"`))
}

// The provider issues these unless a client is set to JWT. Nothing can be fetched for
// one, so the provider hears nothing about it.
func TestOpaqueTokenIsRefusedWithoutAskingTheProvider(t *testing.T) {
	p := startProvider(t, "", jose.RS256)
	token := p.token(t, opaque)
	forEachProcedure(t, startServers(t, p.config()), token, refused(codes.Unauthenticated, "MALFORMED_TOKEN",
		`Bearer realm="api", error="invalid_token", error_description="the token is not a compact JWS"`))
	if got := p.keyFetches.Load(); got != 0 {
		t.Errorf("the keys were fetched %d times, want never", got)
	}
}

// The provider's access tokens have the claims of RFC 9068, but typ JWT.
func TestRFC9068RefusesTheProvidersTokenType(t *testing.T) {
	p := startProvider(t, "", jose.RS256)
	config := p.config()
	config.RFC9068 = true
	v, err := verifier.New(config)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Verify(t.Context(), p.token(t, robot)); verifier.CodeOf(err) != verifier.CodeInvalidToken {
		t.Errorf("got %v, want %s", err, verifier.CodeInvalidToken)
	}
}
