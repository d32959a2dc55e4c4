package verifier_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// An issuerShape is how an issuer's tokens look by its own documentation, and how a
// Config reads them.
type issuerShape struct {
	name        string
	config      verifier.Config
	typ         any // of the header; nil for none
	claims      map[string]any
	scopes      []string
	permissions []string
	clientID    string

	// An ID token of the same issuer, for the client that the access token was issued
	// to, and what becomes of it.
	idToken map[string]any
	refused verifier.Code
}

var issuerShapes = []issuerShape{
	{
		name: "Auth0",
		config: verifier.Config{
			Issuer:    "https://tenant.eu.auth0.com/",
			Audiences: []string{"https://api.example"},
		},
		typ: "JWT",
		claims: map[string]any{
			"aud": []string{"https://api.example", "https://tenant.eu.auth0.com/userinfo"},
			"azp": "my_client_id", "sub": "auth0|123456", "scope": "openid profile orders:read",
			"permissions": []string{"orders:delete"},
		},
		scopes:      []string{"openid", "profile", "orders:read"},
		permissions: []string{"orders:delete"},
		clientID:    "my_client_id",
		idToken: map[string]any{
			"aud": "my_client_id", "sub": "auth0|123456", "sid": "s", "nonce": "n", "name": "Ada",
		},
		refused: verifier.CodeInvalidAudience,
	},
	{
		name: "Auth0, roles that an Action added",
		config: verifier.Config{
			Issuer:           "https://tenant.eu.auth0.com/",
			Audiences:        []string{"https://api.example"},
			PermissionsClaim: "https://example.com/roles",
		},
		typ: "at+jwt",
		claims: map[string]any{
			"aud": "https://api.example", "client_id": "my_client_id", "sub": "auth0|123456", "jti": "j",
			"scope": "orders:read", "https://example.com/roles": []string{"admin"},
		},
		scopes:      []string{"orders:read"},
		permissions: []string{"admin"},
		clientID:    "my_client_id",
	},
	{
		name: "Keycloak, realm roles",
		config: verifier.Config{
			Issuer:           "https://sso.example/realms/shop",
			Audiences:        []string{"orders"},
			PermissionsClaim: "/realm_access/roles",
		},
		typ:         "JWT",
		claims:      keycloakClaims,
		scopes:      []string{"email", "orders:read"},
		permissions: []string{"offline_access", "admin"},
		clientID:    "web",
		idToken: map[string]any{
			"aud": "web", "azp": "web", "sub": "9d2f", "typ": "ID", "acr": "1", "auth_time": 1700000000, "nonce": "n",
		},
		refused: verifier.CodeInvalidAudience,
	},
	{
		name: "Keycloak, roles of a client",
		config: verifier.Config{
			Issuer:           "https://sso.example/realms/shop",
			Audiences:        []string{"orders"},
			PermissionsClaim: "/resource_access/orders/roles",
		},
		typ:         "JWT",
		claims:      keycloakClaims,
		scopes:      []string{"email", "orders:read"},
		permissions: []string{"delete"},
		clientID:    "web",
	},
	{
		name: "Entra ID, v1 tokens",
		config: verifier.Config{
			Issuer:           "https://sts.windows.net/11111111-2222-3333-4444-555555555555/",
			Audiences:        []string{"api://orders"},
			ScopeClaim:       "scp",
			PermissionsClaim: "roles",
		},
		typ: "JWT",
		claims: map[string]any{
			"aud": "api://orders", "appid": "66666666-7777-8888-9999-000000000000", "appidacr": "1", "acr": "1",
			"amr": []string{"pwd", "mfa"}, "scp": "Orders.Read Orders.Write", "roles": []string{"Orders.Admin"},
			"sub": "s", "oid": "o", "tid": "11111111-2222-3333-4444-555555555555", "ver": "1.0",
		},
		scopes:      []string{"Orders.Read", "Orders.Write"},
		permissions: []string{"Orders.Admin"},
		idToken: map[string]any{
			"aud": "66666666-7777-8888-9999-000000000000", "sub": "s", "tid": "11111111-2222-3333-4444-555555555555", "ver": "1.0",
		},
		refused: verifier.CodeInvalidAudience,
	},
	{
		name: "Entra ID, v2 tokens",
		config: verifier.Config{
			Issuer:           "https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0",
			Audiences:        []string{"aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"},
			ScopeClaim:       "scp",
			PermissionsClaim: "roles",
		},
		typ: "JWT",
		claims: map[string]any{
			"aud": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", "azp": "66666666-7777-8888-9999-000000000000", "azpacr": "1",
			"scp": "Orders.Read", "roles": []string{"Orders.Admin"}, "sub": "s", "oid": "o",
			"tid": "11111111-2222-3333-4444-555555555555", "ver": "2.0",
		},
		scopes:      []string{"Orders.Read"},
		permissions: []string{"Orders.Admin"},
		clientID:    "66666666-7777-8888-9999-000000000000",
		idToken: map[string]any{
			"aud": "66666666-7777-8888-9999-000000000000", "sub": "s", "name": "Ada", "preferred_username": "ada", "ver": "2.0",
		},
		refused: verifier.CodeInvalidAudience,
	},
	{
		name: "Okta",
		config: verifier.Config{
			Issuer:           "https://org.okta.com/oauth2/default",
			Audiences:        []string{"api://default"},
			ScopeClaim:       "scp",
			PermissionsClaim: "groups",
		},
		claims: map[string]any{
			"ver": 1, "jti": "AT.0mP4JKAZX1iACIT4vbEDF7LpvDVjxypPMf0D7uX39RE", "aud": "api://default", "cid": "0oa1",
			"uid": "00u1", "sub": "ada@example.com", "scp": []string{"openid", "orders:read"}, "auth_time": 1700000000,
			"groups": []string{"Everyone", "Admins"},
		},
		scopes:      []string{"openid", "orders:read"},
		permissions: []string{"Everyone", "Admins"},
		idToken: map[string]any{
			"ver": 1, "jti": "ID.1", "aud": "0oa1", "sub": "00u1", "amr": []string{"pwd"}, "auth_time": 1700000000, "at_hash": "77QmUPtjPfzWtF2AnpK9RQ",
		},
		refused: verifier.CodeInvalidAudience,
	},
	{
		name: "Amazon Cognito",
		config: verifier.Config{
			Issuer:           "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEfGhI",
			ClientIDs:        []string{"7abcdefghijklmno"},
			PermissionsClaim: "cognito:groups",
		},
		claims: map[string]any{
			"client_id": "7abcdefghijklmno", "sub": "aaaa", "cognito:groups": []string{"admins"}, "token_use": "access",
			"scope": "openid orders/read", "version": 2, "origin_jti": "o", "event_id": "e", "auth_time": 1700000000,
			"jti": "j", "username": "ada",
		},
		scopes:      []string{"openid", "orders/read"},
		permissions: []string{"admins"},
		clientID:    "7abcdefghijklmno",
		idToken: map[string]any{
			"aud": "7abcdefghijklmno", "sub": "aaaa", "cognito:groups": []string{"admins"}, "token_use": "id",
			"cognito:username": "ada", "auth_time": 1700000000,
		},
		refused: verifier.CodeInvalidAudience,
	},
	{
		name: "ZITADEL",
		config: verifier.Config{
			Issuer:           "https://shop.zitadel.cloud",
			Audiences:        []string{"344374183645413380"},
			PermissionsClaim: "urn:zitadel:iam:org:project:roles",
		},
		typ: "JWT",
		claims: map[string]any{
			"aud": []string{"344373908297744390", "344374183645413380"}, "client_id": "344373908297744390", "sub": "345377791925026818",
			"jti": "j", "urn:zitadel:iam:org:project:roles": map[string]any{
				"admin":  map[string]any{"344373908297744388": "acme.zitadel.cloud"},
				"viewer": map[string]any{"344373908297744388": "acme.zitadel.cloud", "344373908297744389": "b.example"},
			},
		},
		permissions: []string{"admin", "viewer"},
		clientID:    "344373908297744390",
		// It has the audience of the access token, and is told by its at_hash.
		idToken: map[string]any{
			"aud": []string{"344373908297744390", "344374183645413380"}, "azp": "344373908297744390", "sub": "345377791925026818",
			"amr": []string{"pwd"}, "auth_time": 1700000000, "at_hash": "77QmUPtjPfzWtF2AnpK9RQ",
		},
		refused: verifier.CodeInvalidToken,
	},
	{
		// Its access tokens are opaque: these are the ID tokens that its service
		// accounts are given for an audience.
		name: "Google, identity tokens of service accounts",
		config: verifier.Config{
			Issuer:    "https://accounts.google.com",
			Audiences: []string{"https://api.example"},
		},
		typ: "JWT",
		claims: map[string]any{
			"aud": "https://api.example", "azp": "115", "sub": "115", "email": "orders@shop.iam.gserviceaccount.com", "email_verified": true,
		},
		clientID: "115",
		idToken: map[string]any{
			"aud": "407408718192.apps.googleusercontent.com", "azp": "407408718192.apps.googleusercontent.com", "sub": "110", "at_hash": "77QmUPtjPfzWtF2AnpK9RQ",
		},
		refused: verifier.CodeInvalidAudience,
	},
	{
		name: "Kubernetes service accounts",
		config: verifier.Config{
			Issuer:           "https://kubernetes.default.svc.cluster.local",
			Audiences:        []string{"https://api.example"},
			PermissionsClaim: "/kubernetes.io/namespace",
		},
		claims: map[string]any{
			"aud": []string{"https://api.example"}, "sub": "system:serviceaccount:shop:orders", "jti": "j", "nbf": 1700000000,
			"kubernetes.io": map[string]any{
				"namespace": "shop", "pod": map[string]any{"name": "orders-1", "uid": "u"},
				"serviceaccount": map[string]any{"name": "orders", "uid": "u"},
			},
		},
		permissions: []string{"shop"},
	},
}

var keycloakClaims = map[string]any{
	"aud": []string{"orders", "account"}, "azp": "web", "sub": "9d2f", "typ": "Bearer", "jti": "j", "acr": "1", "sid": "s",
	"allowed-origins": []string{"https://shop.example"}, "scope": "email orders:read",
	"realm_access": map[string]any{"roles": []string{"offline_access", "admin"}},
	"resource_access": map[string]any{
		"orders": map[string]any{"roles": []string{"delete"}}, "account": map[string]any{"roles": []string{"view-profile"}},
	},
}

// mint signs a token that has these claims, and no others but iss, iat and exp.
func (s issuerShape) mint(t *testing.T, typ any, claims map[string]any) (verifier.Config, string) {
	t.Helper()
	issuer := verifiertest.NewIssuer(verifiertest.WithURL(s.config.Issuer))
	exact := map[string]any{
		"aud": nil, "sub": nil, "client_id": nil, "jti": nil, "iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
	}
	maps.Copy(exact, claims)
	config := s.config
	config.JWKS = issuer.JWKS()
	config.Algorithms = []string{"ES256"}
	return config, issuer.Token(exact,
		verifiertest.WithHeader("typ", typ), verifiertest.WithHeader("x5t", "L2IydKnjfXhDuiYzVzxJsQ3Vfmk"))
}

func TestAccessTokensOfKnownIssuersAreRead(t *testing.T) {
	t.Parallel()
	for _, shape := range issuerShapes {
		t.Run(shape.name, func(t *testing.T) {
			config, token := shape.mint(t, shape.typ, shape.claims)
			claims := accept(t, newVerifier(t, config), token)
			if got := claims.Scopes(); !slices.Equal(got, shape.scopes) {
				t.Errorf("Scopes = %q, want %q", got, shape.scopes)
			}
			if got := claims.Permissions(); !slices.Equal(got, shape.permissions) {
				t.Errorf("Permissions = %q, want %q", got, shape.permissions)
			}
			if got := claims.ClientID(); got != shape.clientID {
				t.Errorf("ClientID = %q, want %q", got, shape.clientID)
			}
		})
	}
}

func TestIDTokensOfKnownIssuersAreToldApart(t *testing.T) {
	t.Parallel()
	for _, shape := range issuerShapes {
		if shape.idToken == nil {
			continue
		}
		t.Run(shape.name, func(t *testing.T) {
			config, token := shape.mint(t, "JWT", shape.idToken)
			if got := verdict(t, newVerifier(t, config), token); got != shape.refused {
				t.Errorf("code = %q, want %q", got, shape.refused)
			}
		})
	}
}

func TestIDTokensAreRefusedUnderRFC9068(t *testing.T) {
	t.Parallel()
	for _, shape := range issuerShapes {
		if shape.idToken == nil {
			continue
		}
		for _, typ := range []any{"JWT", nil} {
			config, token := shape.mint(t, typ, shape.idToken)
			config.RFC9068, config.Audiences = true, append(config.Audiences, "https://api.example")
			refuse(t, newVerifier(t, config), token, verifier.CodeInvalidToken)
		}
	}
}
