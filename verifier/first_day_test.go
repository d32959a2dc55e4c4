package verifier_test

import (
	"cmp"
	"context"
	"crypto/elliptic"
	"encoding/json"
	"errors"
	"io"
	"log"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// A scene is a token and the verifier that it meets first, with what comes of it. Whatever isn't
// set is as it should be.
type scene struct {
	name string

	url     string                                       // of the issuer
	keys    func(*testing.T, *verifiertest.Issuer) []any // that it publishes
	respond func(*http.Request) *http.Response           // in its place; nil: it answers itself
	config  func(*verifier.Config)                       // changes the right Config
	claims  map[string]any                               // change a good token, as header does
	header  []verifiertest.TokenOption
	token   func(*verifiertest.Issuer) string // in place of the two

	code   verifier.Code
	told   string // to the caller
	cause  string // for the operator
	change string // the part of cause that says what to change
}

const (
	toldNotCompact = "the token is not a compact JWS"
	toldNoKey      = "the issuer has no key for this token"
)

// mistakes are made on the first day: a Config that doesn't fit its issuer, or an issuer or a
// client that isn't set up for this service.
var mistakes = []scene{
	{
		name:   "Config.Issuer has a slash too many, by its key set",
		config: func(c *verifier.Config) { c.Issuer, c.JWKSURL = c.Issuer+"/", c.Issuer+"/jwks" },
		code:   verifier.CodeInvalidIssuer, told: "the token is from another issuer",
		cause:  `iss is "https://issuer.test", and Config.Issuer is "https://issuer.test/": they differ by the slash at the end`,
		change: "Config.Issuer",
	}, {
		name: "Config.Issuer lacks its slash, by its key set", url: "https://issuer.test/",
		config: func(c *verifier.Config) { c.Issuer, c.JWKSURL = "https://issuer.test", "https://issuer.test/jwks" },
		code:   verifier.CodeInvalidIssuer, told: "the token is from another issuer",
		cause:  `iss is "https://issuer.test/", and Config.Issuer is "https://issuer.test": they differ by the slash at the end`,
		change: "Config.Issuer",
	}, {
		name:   "another realm of the issuer",
		claims: map[string]any{"iss": "https://issuer.test/realms/b"},
		code:   verifier.CodeInvalidIssuer, told: "the token is from another issuer",
		cause:  `iss is "https://issuer.test/realms/b", and Config.Issuer is "https://issuer.test"`,
		change: "Config.Issuer",
	}, {
		name:   "no issuer",
		claims: map[string]any{"iss": nil},
		code:   verifier.CodeMissingClaim, told: "the token has no iss",
		cause: "iss is absent or empty; Config.Issuer names the one to expect", change: "Config.Issuer",
	},

	{
		name:   "the token is for another service",
		claims: map[string]any{"aud": []string{"account", "https://other.test"}},
		code:   verifier.CodeInvalidAudience, told: "the token is for another audience",
		cause: `aud is ["account" "https://other.test"], and Config.Audiences is ["https://api.test"]`, change: "Config.Audiences",
	}, {
		name:   "the client asks for no audience",
		claims: map[string]any{"aud": []string{}},
		code:   verifier.CodeInvalidAudience, told: "the token is for another audience",
		cause:  `aud is empty: the client must ask the issuer for one of Config.Audiences, ["https://api.test"]`,
		change: "the client must ask the issuer for one of Config.Audiences",
	}, {
		name:   "the issuer writes no aud",
		claims: map[string]any{"aud": nil},
		code:   verifier.CodeMissingClaim, told: "the token has no aud",
		cause:  "aud is absent: have the issuer name this service, or list the client in Config.ClientIDs",
		change: "Config.ClientIDs",
	}, {
		name:   "the client isn't listed",
		config: func(c *verifier.Config) { c.Audiences, c.ClientIDs = nil, []string{"web"} },
		claims: map[string]any{"aud": nil, "client_id": "cli"},
		code:   verifier.CodeInvalidAudience, told: "the token is for another audience",
		cause: "there is no aud, and client_id or azp is not in Config.ClientIDs", change: "Config.ClientIDs",
	}, {
		name:   "neither aud nor a client",
		config: func(c *verifier.Config) { c.Audiences, c.ClientIDs = nil, []string{"web"} },
		claims: map[string]any{"aud": nil, "client_id": nil},
		code:   verifier.CodeMissingClaim, told: "the token has neither aud nor client_id",
		cause:  "aud, client_id and azp are absent; Config.ClientIDs needs one of the latter two",
		change: "Config.ClientIDs",
	},

	{
		name: "the issuer signs with a shared secret", header: withAlg("HS256"),
		code: verifier.CodeDisallowedAlg, told: "the signature algorithm is not allowed",
		cause:  "alg is HS256, so the issuer signs with a shared secret: have it sign with a key pair; Config.Algorithms allows ES256",
		change: "have it sign with a key pair",
	}, {
		name: "the algorithm isn't listed", header: withAlg("RS256"),
		code: verifier.CodeDisallowedAlg, told: "the signature algorithm is not allowed",
		cause: "alg is RS256; Config.Algorithms allows ES256", change: "Config.Algorithms",
	}, {
		name: "the algorithm is made up", header: withAlg("Q-256"),
		code: verifier.CodeDisallowedAlg, told: "the signature algorithm is not allowed",
		cause: "alg is no algorithm that is known here; Config.Algorithms allows ES256", change: "Config.Algorithms",
	}, {
		name:  "the issuer does not sign",
		token: func(i *verifiertest.Issuer) string { return unsigned(i.Token(nil, withAlg("none")...)) },
		code:  verifier.CodeDisallowedAlg, told: "the signature algorithm is not allowed",
		cause: "it's unsigned (alg none); Config.Algorithms allows ES256", change: "Config.Algorithms",
	}, {
		name:  "the signature was cut off",
		token: func(i *verifiertest.Issuer) string { return unsigned(i.Token(nil)) },
		code:  verifier.CodeMalformedToken, told: toldNotCompact,
		cause: "its signature is empty: the issuer did not sign it", change: "the issuer did not sign it",
	},

	{
		name:  "an opaque token",
		token: func(*verifiertest.Issuer) string { return "2YotnFZFEjr1zCsicMWpAA" },
		code:  verifier.CodeMalformedToken, told: toldNotCompact,
		cause:  "it has no dot, so it's an opaque token: have the issuer issue JWTs for this service",
		change: "have the issuer issue JWTs",
	}, {
		name:  "an encrypted token",
		token: func(*verifiertest.Issuer) string { return "eyJhbGciOiJSU0EtT0FFUCJ9.a.b.c.d" },
		code:  verifier.CodeMalformedToken, told: toldNotCompact,
		cause: "it has five parts, so it's encrypted (JWE): have the issuer sign it instead", change: "have the issuer sign it",
	}, {
		name:  "two parts",
		token: func(*verifiertest.Issuer) string { return "eyJhbGciOiJSU0EtT0FFUCJ9.a" },
		code:  verifier.CodeMalformedToken, told: toldNotCompact,
		cause:  "a compact JWS has three parts, separated by dots, and none of them is empty",
		change: "a compact JWS has three parts",
	}, {
		name: "padded parts",
		token: func(i *verifiertest.Issuer) string {
			return strings.ReplaceAll(i.Token(nil), ".", "=.") + "="
		},
		code: verifier.CodeMalformedToken, told: toldNotCompact,
		cause:  "its parts are padded with '=': base64url in a JWS has no padding (RFC 7515, section 2)",
		change: "base64url in a JWS has no padding",
	}, {
		name:  "plain base64",
		token: func(i *verifiertest.Issuer) string { return "+/" + i.Token(nil)[2:] },
		code:  verifier.CodeMalformedToken, told: toldNotCompact,
		cause: "its parts are not base64url, or one of them is empty", change: "base64url",
	}, {
		name: "more claims than fit",
		token: func(i *verifiertest.Issuer) string {
			return i.Token(map[string]any{"groups": strings.Repeat("g", 16<<10)})
		},
		code: verifier.CodeMalformedToken, told: "the token is too long",
		cause: "bytes, more than the 16384 of Config.MaxTokenBytes", change: "Config.MaxTokenBytes",
	}, {
		name: "a header with a name twice",
		header: []verifiertest.TokenOption{
			verifiertest.WithRawHeader(`{"alg":"ES256","kid":"ES256-1","kid":"ES256-1"}`),
		},
		code: verifier.CodeMalformedToken, told: "the token header is not a valid JSON object",
		cause: "its header is not JSON in UTF-8, holds a name twice, or is nested too deep", change: "holds a name twice",
	}, {
		name:   "a payload with a name twice",
		header: []verifiertest.TokenOption{verifiertest.WithRawPayload(`{"iss":"https://issuer.test","roles":[],"roles":[]}`)},
		code:   verifier.CodeMalformedToken, told: "the token payload is not a valid JSON object",
		cause: "its payload is not JSON in UTF-8, holds a name twice, or is nested too deep", change: "holds a name twice",
	}, {
		name: "exp in milliseconds, as a text", claims: map[string]any{"exp": "2026-10-01T00:00:00Z"},
		code: verifier.CodeMalformedToken, told: "a registered claim has the wrong type",
		cause: "exp is not a number of seconds since 1970", change: "exp is not a number",
	}, {
		name: "nbf as a text", claims: map[string]any{"nbf": "0"},
		code: verifier.CodeMalformedToken, told: "a registered claim has the wrong type",
		cause: "nbf is not a number of seconds since 1970", change: "nbf is not a number",
	}, {
		name: "aud as an object", claims: map[string]any{"aud": map[string]any{}},
		code: verifier.CodeMalformedToken, told: "a registered claim has the wrong type",
		cause: "aud is neither a string nor an array of strings", change: "aud is neither a string nor an array",
	}, {
		name: "iss as an array", claims: map[string]any{"iss": []string{"https://issuer.test"}},
		code: verifier.CodeMalformedToken, told: "a registered claim has the wrong type",
		cause: "iss is not a string", change: "iss is not a string",
	}, {
		name:   "a header without alg",
		header: []verifiertest.TokenOption{verifiertest.WithHeader("alg", nil)},
		code:   verifier.CodeMalformedToken, told: "the token header has no valid alg",
		cause: "alg is absent or not a string", change: "alg is absent",
	}, {
		name:   "an endless kid",
		header: []verifiertest.TokenOption{verifiertest.WithHeader("kid", strings.Repeat("k", 513))},
		code:   verifier.CodeMalformedToken, told: "the kid is too long",
		cause: "its kid or x5t is longer than 512 bytes", change: "longer than 512 bytes",
	},

	{
		name: "jku", header: []verifiertest.TokenOption{verifiertest.WithHeader("jku", "https://issuer.test/jwks")},
		code: verifier.CodeForbiddenHeader, told: "the token header has a forbidden parameter",
		cause: "its header has jku; Config.IgnoreHeaders can list it, to be read over", change: "Config.IgnoreHeaders",
	}, {
		name: "crit", header: []verifiertest.TokenOption{verifiertest.WithHeader("crit", []string{"b64"})},
		code: verifier.CodeForbiddenHeader, told: "the token header has a forbidden parameter",
		cause: "its header has crit, which changes how a token is read", change: "crit",
	}, {
		name: "a token of another kind", header: []verifiertest.TokenOption{verifiertest.WithHeader("typ", "logout+jwt")},
		code: verifier.CodeInvalidToken, told: "the token is not an access token",
		cause: "its typ is neither JWT nor at+jwt: send the access token", change: "send the access token",
	}, {
		name: "typ is no text", header: []verifiertest.TokenOption{verifiertest.WithHeader("typ", 1)},
		code: verifier.CodeInvalidToken, told: "the token is not an access token",
		cause: "its typ is empty or not a string", change: "its typ is empty or not a string",
	}, {
		name: "the issuer follows no profile", header: []verifiertest.TokenOption{verifiertest.WithHeader("typ", "JWT")},
		config: func(c *verifier.Config) { c.RFC9068 = true },
		code:   verifier.CodeInvalidToken, told: "the token is not an access token",
		cause: "its typ is not at+jwt, as Config.RFC9068 requires", change: "Config.RFC9068",
	}, {
		name:   "a claim of the profile is absent",
		config: func(c *verifier.Config) { c.RFC9068 = true },
		claims: map[string]any{"jti": nil},
		code:   verifier.CodeMissingClaim, told: "the token lacks a claim that RFC 9068 requires",
		cause: "Config.RFC9068 requires aud, sub, client_id, jti and iat", change: "Config.RFC9068",
	}, {
		name:   "the ID token was sent",
		claims: map[string]any{"at_hash": "77QmUPtjPfzWtF2AnpK9RQ"},
		code:   verifier.CodeInvalidToken, told: "the token is not an access token",
		cause: "it has at_hash or c_hash, so it's an ID token, which is meant for the client: " +
			"send the access token, or set Config.AcceptIDTokens",
		change: "Config.AcceptIDTokens",
	}, {
		name:   "the token is bound to a key",
		claims: map[string]any{"cnf": map[string]any{"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}},
		code:   verifier.CodeInvalidToken, told: "the token is bound to a proof that is not supported",
		cause: "it has cnf, so it's bound by DPoP or mTLS: interceptor.WithDPoP or WithMutualTLS, or your own VerifyBound, " +
			"can check its proof; else have the issuer issue bearer tokens",
		change: "interceptor.WithDPoP or WithMutualTLS",
	}, {
		name:   "the token is bound in an unknown way",
		claims: map[string]any{"cnf": map[string]any{"kid": "1"}},
		code:   verifier.CodeInvalidToken, told: "the token is bound to a proof that is not supported",
		cause:  "its cnf is not an object with jkt (DPoP) or x5t#S256 (mTLS), or one is no SHA-256 hash in base64url",
		change: "jkt (DPoP) or x5t#S256 (mTLS)",
	},

	{
		name: "the clocks differ by five minutes, and this one is ahead", claims: map[string]any{"exp": time.Now().Add(-5 * time.Minute)},
		code: verifier.CodeTokenExpired, told: "the token has expired",
		cause: "ago, and Config.Leeway is 30s", change: "Config.Leeway",
	}, {
		name: "the clocks differ by five minutes, and this one is behind", claims: map[string]any{"nbf": time.Now().Add(5 * time.Minute)},
		code: verifier.CodeTokenNotYetValid, told: "the token is not valid yet",
		cause: "from now, and Config.Leeway is 30s: do the clocks differ?", change: "Config.Leeway",
	}, {
		name: "the token never expires", claims: map[string]any{"exp": nil},
		code: verifier.CodeMissingClaim, told: "the token has no exp",
		cause: "exp is absent: have the issuer let its tokens expire", change: "have the issuer let its tokens expire",
	},

	{
		name: "the key isn't listed", header: []verifiertest.TokenOption{verifiertest.WithHeader("kid", "another")},
		code: verifier.CodeKeyNotFound, told: toldNoKey,
		cause:  "the issuer doesn't list the key: check Config.Issuer, and Config.JWKSURL, JWKS, JWKSFile or FetchJWKS if it's set",
		change: "Config.JWKSURL",
	}, {
		name: "the key is for encryption", keys: beside(own(map[string]any{"use": "enc"})),
		code: verifier.CodeKeyNotFound, told: toldNoKey,
		cause:  "the issuer lists the key, but it's unusable: it's not for signatures (use)",
		change: "it's not for signatures (use)",
	}, {
		name: "the key is for signing alone", keys: beside(own(map[string]any{"key_ops": []string{"sign"}})),
		code: verifier.CodeKeyNotFound, told: toldNoKey,
		cause:  "the issuer lists the key, but it's unusable: it's not for verifying (key_ops)",
		change: "it's not for verifying (key_ops)",
	}, {
		name: "the key is for another algorithm", keys: beside(own(map[string]any{"kty": "EC", "alg": "ES384", "crv": "P-384"})),
		code: verifier.CodeKeyNotFound, told: toldNoKey,
		cause: "the issuer lists the key, but it's unusable: it can't be decoded", change: "it can't be decoded",
	}, {
		name: "the key is of another curve",
		keys: beside(func(t *testing.T, _ *verifiertest.Issuer) []any {
			return []any{jwk(t, ecKey(t, elliptic.P384()).Public(), "ES256-1", nil)}
		}),
		code: verifier.CodeKeyNotFound, told: toldNoKey,
		cause: "the issuer lists the key, but it's unusable: it's for another algorithm", change: "it's for another algorithm",
	}, {
		name: "the key is a point off its curve", keys: beside(own(map[string]any{"x": zeros(32)})),
		code: verifier.CodeKeyNotFound, told: toldNoKey,
		cause: "the issuer lists the key, but it's unusable: it can't be decoded", change: "it can't be decoded",
	}, {
		name: "the key is too short",
		keys: beside(func(*testing.T, *verifiertest.Issuer) []any {
			return []any{rsaJWK(new(big.Int).SetBit(big.NewInt(1), 1023, 1), big.NewInt(65537), "ES256-1")}
		}),
		code: verifier.CodeKeyNotFound, told: toldNoKey,
		cause: "the issuer lists the key, but it's unusable: it's shorter than 2048 bits", change: "it's shorter than 2048 bits",
	}, {
		name: "the private key is published", keys: beside(own(map[string]any{"d": zeros(32)})),
		code: verifier.CodeKeyNotFound, told: toldNoKey,
		cause:  "the issuer lists the key, but it's unusable: its private key is published too",
		change: "its private key is published too",
	}, {
		name: "two keys have one kid",
		keys: beside(func(t *testing.T, i *verifiertest.Issuer) []any {
			return append(own(nil)(t, i), jwk(t, ecKey(t, elliptic.P256()).Public(), "ES256-1", nil))
		}),
		code: verifier.CodeKeyNotFound, told: toldNoKey,
		cause:  "several of the issuer's keys have that name and fit: have the issuer give each a kid of its own",
		change: "have the issuer give each a kid of its own",
	}, {
		name:   "the token names none of two keys",
		header: []verifiertest.TokenOption{verifiertest.WithHeader("kid", nil)},
		keys: beside(func(t *testing.T, i *verifiertest.Issuer) []any {
			return append(own(nil)(t, i), jwk(t, ecKey(t, elliptic.P256()).Public(), "b", nil))
		}),
		code: verifier.CodeMissingKid, told: "the token header has no valid kid",
		cause:  "the token names no key, and several of the issuer's fit: have the issuer write kid into its tokens",
		change: "have the issuer write kid",
	}, {
		name:   "kid is a number",
		header: []verifiertest.TokenOption{verifiertest.WithHeader("kid", 1)},
		code:   verifier.CodeMissingKid, told: "the token header has no valid kid",
		cause: "its kid is empty or not a string", change: "its kid is empty or not a string",
	}, {
		name:  "the token was changed",
		token: forged,
		code:  verifier.CodeInvalidToken, told: "the signature is not valid",
		cause:  "the issuer's key did not make its signature: another key did, or the token was changed on the way",
		change: "the token was changed on the way",
	},

	{
		name:   "scp in place of scope",
		config: func(c *verifier.Config) { c.Require.Scopes = []string{"read"} }, claims: map[string]any{"scp": "read"},
		code: verifier.CodeInsufficientScope, told: "the token lacks a required scope",
		cause:  `it lacks the scope "read": there is no claim "scope", but there is scp: set Config.ScopeClaim`,
		change: "set Config.ScopeClaim",
	}, {
		name:   "a scope that wasn't asked for",
		config: func(c *verifier.Config) { c.Require.Scopes = []string{"read"} }, claims: map[string]any{"scope": "openid email"},
		code: verifier.CodeInsufficientScope, told: "the token lacks a required scope",
		cause:  `it lacks the scope "read": Config.ScopeClaim is "scope", and that claim grants others; have the client ask for it`,
		change: "have the client ask for it",
	}, {
		name:   "no scope at all",
		config: func(c *verifier.Config) { c.Require.Scopes = []string{"read"} },
		code:   verifier.CodeInsufficientScope, told: "the token lacks a required scope",
		cause:  `it lacks the scope "read": Config.ScopeClaim is "scope", and there is no such claim`,
		change: "Config.ScopeClaim",
	}, {
		name: "a pointer without its first slash",
		config: func(c *verifier.Config) {
			c.Require.Permissions, c.PermissionsClaim = []string{"admin"}, "realm_access/roles"
		},
		claims: map[string]any{"realm_access": map[string]any{"roles": []string{"admin"}}},
		code:   verifier.CodeInsufficientPermissions, told: "the token lacks a required permission",
		cause: `it lacks the permission "admin": Config.PermissionsClaim is "realm_access/roles", and there is no claim with that name; ` +
			"a JSON Pointer, which leads into a claim, starts with a slash and has one between names",
		change: "starts with a slash",
	}, {
		name: "a path with dots",
		config: func(c *verifier.Config) {
			c.Require.Permissions, c.PermissionsClaim = []string{"admin"}, "realm_access.roles"
		},
		claims: map[string]any{"realm_access": map[string]any{"roles": []string{"admin"}}},
		code:   verifier.CodeInsufficientPermissions, told: "the token lacks a required permission",
		cause: `Config.PermissionsClaim is "realm_access.roles", and there is no claim with that name; ` +
			"a JSON Pointer, which leads into a claim, starts with a slash and has one between names",
		change: "has one between names",
	}, {
		name: "a claim with a URL for its name",
		config: func(c *verifier.Config) {
			c.Require.Permissions, c.PermissionsClaim = []string{"admin"}, "https://shop.example/roles"
		},
		code: verifier.CodeInsufficientPermissions, told: "the token lacks a required permission",
		cause: `Config.PermissionsClaim is "https://shop.example/roles", and there is no such claim`, change: "Config.PermissionsClaim",
	}, {
		name:   "the wrong authentication",
		config: func(c *verifier.Config) { c.Require.ACRValues = []string{"mfa"} }, claims: map[string]any{"acr": "pwd"},
		code: verifier.CodeInsufficientUserAuthentication, told: "the user must authenticate in another way",
		cause: `acr is absent, or none of Requirement.ACRValues, ["mfa"]`, change: "Requirement.ACRValues",
	}, {
		name:   "an authentication of long ago",
		config: func(c *verifier.Config) { c.Require.MaxAge = time.Hour }, claims: map[string]any{"auth_time": 1},
		code: verifier.CodeInsufficientUserAuthentication, told: "the user must authenticate again",
		cause: "auth_time is absent, or longer ago than Requirement.MaxAge, 1h0m0s", change: "Requirement.MaxAge",
	}, {
		name:   "a call that only a partner may make",
		config: func(c *verifier.Config) { c.Require.Issuers = []string{"https://partner.test"} },
		code:   verifier.CodeInsufficientPermissions, told: "the call is not allowed",
		cause:  `iss is "https://issuer.test", and Requirement.Issuers is ["https://partner.test"]`,
		change: "Requirement.Issuers",
	}, {
		name:   "a call that only some subjects may make",
		config: func(c *verifier.Config) { c.Require.Subjects = []string{"spiffe://shop.test/web/*"} },
		claims: map[string]any{"sub": "spiffe://shop.test/website"},
		code:   verifier.CodeInsufficientPermissions, told: "the call is not allowed",
		cause:  `sub is none of Requirement.Subjects, ["spiffe://shop.test/web/*"]`,
		change: "Requirement.Subjects",
	}, {
		name:   "a call that only a gateway may pass on",
		config: func(c *verifier.Config) { c.Require.Actors = []string{"gateway"} },
		claims: map[string]any{"act": map[string]any{"sub": "another"}},
		code:   verifier.CodeInsufficientPermissions, told: "the call is not allowed",
		cause:  `act is absent, or its sub is none of Requirement.Actors, ["gateway"]`,
		change: "Requirement.Actors",
	}, {
		name:   "an issuer that lets its tokens live too long",
		config: func(c *verifier.Config) { c.MaxLifetime = time.Minute },
		code:   verifier.CodeInvalidToken, told: "the token lives too long",
		cause:  "exp is more than Config.MaxLifetime, 1m0s, after iat or from now",
		change: "Config.MaxLifetime",
	}, {
		name:   "no iat, and a limit that counts from it",
		config: func(c *verifier.Config) { c.MaxLifetime = time.Hour }, claims: map[string]any{"iat": nil},
		code: verifier.CodeMissingClaim, told: "the token has no iat",
		cause: "iat is absent, and Config.MaxLifetime counts from it", change: "Config.MaxLifetime",
	}, {
		name:   "a type that isn't listed",
		config: func(c *verifier.Config) { c.Types = []string{"vault+jwt"} },
		code:   verifier.CodeInvalidToken, told: "the token is not an access token",
		cause:  `its typ is absent, or none of Config.Types, ["vault+jwt"]`,
		change: "Config.Types",
	},
}

func withAlg(alg string) []verifiertest.TokenOption {
	return []verifiertest.TokenOption{verifiertest.WithHeader("alg", alg)}
}

func unsigned(token string) string { return token[:strings.LastIndexByte(token, '.')+1] }

// own are the issuer's own keys, changed by members.
func own(members map[string]any) func(*testing.T, *verifiertest.Issuer) []any {
	return func(t *testing.T, issuer *verifiertest.Issuer) []any {
		var keys []any
		var set jose.JSONWebKeySet
		if err := json.Unmarshal(issuer.JWKS(), &set); err != nil {
			t.Fatal(err)
		}
		for _, key := range set.Keys {
			keys = append(keys, jwk(t, key.Key, key.KeyID, members))
		}
		return keys
	}
}

// play returns the Config and the token. The issuer is asked over its network, and the verifier
// has no keys yet: on the first day no good token has come before.
func (s scene) play(t *testing.T) (verifier.Config, string) {
	t.Helper()
	issuer := verifiertest.NewIssuer(verifiertest.WithURL(cmp.Or(s.url, "https://issuer.test")))
	config := issuer.Config()
	config.Leeway = 0
	document := string(issuer.JWKS())
	if s.keys != nil {
		document = string(keySet(t, s.keys(t, issuer)...))
	}
	config.HTTPClient = (&remote{respond: func(req *http.Request) (*http.Response, error) {
		if s.respond != nil {
			if res := s.respond(req); res != nil {
				return res, nil
			}
		}
		if strings.HasSuffix(req.URL.Path, "/jwks") {
			return response(http.StatusOK, document), nil
		}
		return issuer.RoundTrip(req)
	}}).client()
	if s.config != nil {
		s.config(&config)
	}
	if s.token != nil {
		return config, s.token(issuer)
	}
	return config, issuer.Token(s.claims, s.header...)
}

// beside lists a key that is good, so that the set has one, whatever the others are.
func beside(keys func(*testing.T, *verifiertest.Issuer) []any) func(*testing.T, *verifiertest.Issuer) []any {
	return func(t *testing.T, issuer *verifiertest.Issuer) []any {
		return append(keys(t, issuer), jwk(t, ecKey(t, elliptic.P384()).Public(), "usable", nil))
	}
}

func TestEveryRefusalSaysWhatToChange(t *testing.T) {
	t.Parallel()
	for _, m := range mistakes {
		t.Run(m.name, func(t *testing.T) {
			config, token := m.play(t)
			v := newVerifier(t, config)
			_, err := v.Verify(t.Context(), token)
			for range 2 { // the second time nothing is fetched
				refusal, ok := errors.AsType[*verifier.AuthError](err)
				if !ok || refusal.Code != m.code || refusal.Message != m.told {
					t.Fatalf("Verify: %v, want %q and to tell the caller %q", err, m.code, m.told)
				}
				if !strings.Contains(refusal.Err.Error(), m.cause) || !strings.Contains(refusal.Error(), refusal.Err.Error()) {
					t.Errorf("the cause is %q, want %q", refusal.Err, m.cause)
				}
				if m.change == "" || !strings.Contains(m.cause, m.change) {
					t.Errorf("the cause doesn't say what to change: %q", m.cause)
				}
				_, err = v.Verify(t.Context(), token)
			}
		})
	}
}

// How far the clocks differ, to the second.
func TestSkewIsToldByItsSize(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		issuer := verifiertest.NewIssuer()
		config := offline(issuer)
		for leeway, told := range map[time.Duration]string{-1: "0s", 0: "30s", time.Minute: "1m0s"} {
			config.Leeway = leeway
			v := newVerifier(t, config)
			for after, want := range map[time.Duration]string{
				-90 * time.Second: "exp was 1m30s ago, and Config.Leeway is " + told,
				-2 * time.Hour:    "exp was 2h0m0s ago, and Config.Leeway is " + told,
			} {
				refusal := refuse(t, v, issuer.Token(map[string]any{"exp": time.Now().Add(after)}), verifier.CodeTokenExpired)
				if got := refusal.Err.Error(); got != want {
					t.Errorf("the cause is %q, want %q", got, want)
				}
			}
			refusal := refuse(t, v, issuer.Token(map[string]any{"nbf": time.Now().Add(90 * time.Second)}), verifier.CodeTokenNotYetValid)
			if got, want := refusal.Err.Error(), "nbf is 1m30s from now, and Config.Leeway is "+told+": do the clocks differ?"; got != want {
				t.Errorf("the cause is %q, want %q", got, want)
			}
		}
	})
}

// Whatever the cause, the caller hears what it always heard.
func TestCausesChangeNothingForTheCaller(t *testing.T) {
	t.Parallel()
	for _, m := range mistakes {
		config, token := m.play(t)
		_, err := newVerifier(t, config).Verify(t.Context(), token)
		refusal, ok := errors.AsType[*verifier.AuthError](err)
		if !ok {
			t.Fatalf("%s: %v", m.name, err)
		}
		bare := *refusal
		bare.Err = nil
		if got, want := refusal.Challenge("r").String(), bare.Challenge("r").String(); got != want {
			t.Errorf("%s: challenge = %s, want %s", m.name, got, want)
		}
		if refusal.StatusCode() != bare.StatusCode() {
			t.Errorf("%s: status = %d, want %d", m.name, refusal.StatusCode(), bare.StatusCode())
		}
	}
}

// Before its signature is verified, no part of a token is quoted, wherever the mistake is. A
// payload that was verified may give its iss and aud.
func TestNoCauseQuotesATokenThatWasNotVerified(t *testing.T) {
	t.Parallel()
	const secret = "S3CR3T"
	everywhere := func(kid any) []verifiertest.TokenOption {
		options := []verifiertest.TokenOption{verifiertest.WithHeader("kid", kid), verifiertest.WithHeader(secret, secret)}
		for _, name := range []string{"x5t", "x5t#S256", "jti", "url", "nonce"} {
			options = append(options, verifiertest.WithHeader(name, secret))
		}
		return options
	}
	header := verifiertest.WithHeader
	good := verifiertest.NewIssuer()
	stranger := verifiertest.NewIssuer() // its key has the same kid
	claims := func(changes map[string]any) map[string]any {
		all := map[string]any{secret: secret}
		for _, name := range []string{"sub", "jti", "client_id", "azp", "scope", "scp", "permissions", "acr", "at_hash", "email", "cnf"} {
			all[name] = secret
		}
		maps.Copy(all, changes)
		return all
	}
	tokens := map[string]string{
		"a bad signature":               stranger.Token(claims(nil)),
		"a key that isn't listed":       stranger.Token(claims(nil), everywhere(secret)...),
		"a key that isn't named":        stranger.Token(claims(nil), everywhere(nil)...),
		"an expired one":                stranger.Token(claims(map[string]any{"exp": 1}), everywhere(secret)...),
		"one of tomorrow":               stranger.Token(claims(map[string]any{"nbf": int64(4_000_000_000)}), everywhere(secret)...),
		"of another issuer":             stranger.Token(claims(map[string]any{"iss": secret}), everywhere(secret)...),
		"for another audience":          stranger.Token(claims(map[string]any{"aud": secret}), everywhere(secret)...),
		"for other audiences":           stranger.Token(claims(map[string]any{"aud": []string{secret, secret}}), everywhere(secret)...),
		"without an issuer":             stranger.Token(claims(map[string]any{"iss": nil}), everywhere(secret)...),
		"an issuer that is no text":     stranger.Token(claims(map[string]any{"iss": []string{secret}}), everywhere(secret)...),
		"an expiry that is no number":   stranger.Token(claims(map[string]any{"exp": secret}), everywhere(secret)...),
		"an alg that is made up":        stranger.Token(claims(nil), header("alg", secret)),
		"an alg that is made up, as HS": stranger.Token(claims(nil), header("alg", "HS"+secret)),
		"a typ that is made up":         stranger.Token(claims(nil), header("typ", secret)),
		"a jku":                         stranger.Token(claims(nil), header("jku", secret)),
		"a crit":                        stranger.Token(claims(nil), header("crit", []string{secret})),
		"a kid that is too long":        stranger.Token(claims(nil), header("kid", strings.Repeat(secret, 100))),
		"an x5t that is too long":       stranger.Token(claims(nil), header("kid", nil), header("x5t", strings.Repeat(secret, 100))),
		"a header that is no JSON":      stranger.Token(claims(nil), verifiertest.WithRawHeader(secret)),
		"a payload that is no JSON":     stranger.Token(nil, verifiertest.WithRawPayload(secret), header("kid", secret)),
		"a text":                        secret,
		"two parts":                     secret + "." + secret,
		"three parts":                   secret + "." + secret + "." + secret,
		"five parts":                    strings.Repeat(secret+".", 4) + secret,
		"padding":                       secret + "=." + secret + "=." + secret + "=",
		"too long":                      strings.Repeat(secret, 1<<14),
		"a verified one without grants": good.Token(map[string]any{"sub": secret, "jti": secret, "scope": secret, "acr": secret}),
		"a verified one that expired":   good.Token(claims(map[string]any{"exp": 1})),
		"a verified ID token":           good.Token(claims(map[string]any{"cnf": nil, "at_hash": segment(strings.Repeat(secret, 3)[:16])})),
		"a verified one that is bound":  good.Token(claims(nil)),
	}
	quotes := func(err error) bool {
		return strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), segment(secret)[:7])
	}
	config := good.Config()
	config.Require.Scopes = []string{"read"}
	multi := newMulti(t, config)
	dynamic, err := verifier.NewDynamic(verifier.DynamicConfig{AllowPrivateAddresses: true, Resolve: (&directory{}).resolve})
	if err != nil {
		t.Fatal(err)
	}
	for name, token := range tokens {
		for kind, v := range map[string]interface {
			Verify(ctx context.Context, token string) (*verifier.Claims, error)
		}{"Verifier": newVerifier(t, config), "Multi": multi, "Dynamic": dynamic} {
			_, err := v.Verify(t.Context(), token)
			if err == nil || quotes(err) {
				t.Errorf("%s: %s: %v, want an error that doesn't quote the token", kind, name, err)
			}
		}
	}
}

// The issuer's fault, or the network's: the error is the operator's alone.
func TestEveryFailureToReadKeysSaysWhatToChange(t *testing.T) {
	t.Parallel()
	const url = "https://issuer.test"
	tests := []struct {
		name    string
		issuer  string // in Config
		respond func(*http.Request) *http.Response
		says    string
		change  string
	}{
		{
			"Config.Issuer has a slash too many", url + "/", nil,
			`metadata of https://issuer.test/: they say that the issuer is "https://issuer.test", and Config.Issuer is ` +
				`"https://issuer.test/": it must be the same to the last slash`, "Config.Issuer",
		}, {
			"Config.Issuer lacks its slash", url, metadataAnd(metadata(url+"/", url+"/jwks")),
			`they say that the issuer is "https://issuer.test/", and Config.Issuer is "https://issuer.test"`, "Config.Issuer",
		}, {
			"the common endpoint of several tenants", url, metadataAnd(metadata(url+"/{tenantid}/v2.0", url+"/jwks")),
			`they say that the issuer is "https://issuer.test/{tenantid}/v2.0", and Config.Issuer is "https://issuer.test"`, "Config.Issuer",
		}, {
			"there are no metadata", url, func(*http.Request) *http.Response { return response(http.StatusNotFound, "") },
			"GET https://issuer.test/.well-known/oauth-authorization-server: status 404; before that, " +
				"GET https://issuer.test/.well-known/openid-configuration: status 404; Config.JWKSURL can say where the keys are",
			"Config.JWKSURL",
		}, {
			"a proxy that ends TLS and doesn't say so", url, metadataAnd(metadata(url, "http://issuer.test/jwks")),
			`jwks_uri "http://issuer.test/jwks" is http: an issuer behind a proxy may not know that it's reached by https ` +
				"(X-Forwarded-Proto); Config.JWKSURL can name it, and Config.AllowHTTP allows it", "X-Forwarded-Proto",
		}, {
			"keys on the issuer's own host", url, metadataAnd(metadata(url, "http://localhost:8080/jwks")),
			"jwks_uri must be an https URL, unless the issuer is on this host, too; else set Config.JWKSURL", "Config.JWKSURL",
		}, {
			"a sign-in page", url, func(*http.Request) *http.Response { return redirect("https://login.test/start?from=secret") },
			"GET https://issuer.test/.well-known/openid-configuration: redirected to another host or scheme: https://login.test",
			"https://login.test",
		}, {
			"a server that wants credentials", url, func(*http.Request) *http.Response { return response(http.StatusForbidden, "") },
			"GET https://issuer.test/.well-known/openid-configuration: status 403", "status 403",
		}, {
			"a page in place of metadata", url, metadataAnd("<html>"),
			"metadata of https://issuer.test: not a valid JSON object", "not a valid JSON object",
		}, {
			"metadata without jwks_uri", url, metadataAnd(`{"issuer":"https://issuer.test"}`),
			"they must name issuer and jwks_uri once each", "jwks_uri",
		}, {
			"keys for encryption alone", url, keysAnd(`{"keys":[{"kty":"EC","use":"enc"}]}`),
			"GET https://issuer.test/jwks: the key set has no usable key: it's not for signatures (use)", "use",
		}, {
			"no keys", url, keysAnd(`{"keys":[]}`),
			"GET https://issuer.test/jwks: the key set has no usable key: it lists none", "it lists none",
		}, {
			"a page in place of keys", url, keysAnd("<html>"),
			"GET https://issuer.test/jwks: not a JWK Set document", "not a JWK Set document",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			issuer := verifiertest.NewIssuer()
			config := issuer.Config()
			config.Issuer = test.issuer
			if test.respond != nil {
				config.HTTPClient = (&remote{respond: func(req *http.Request) (*http.Response, error) {
					if res := test.respond(req); res != nil {
						return res, nil
					}
					return issuer.RoundTrip(req)
				}}).client()
			}
			v := newVerifier(t, config)
			_, err := v.Verify(t.Context(), issuer.Token(map[string]any{"iss": test.issuer}))
			failure, ok := errors.AsType[*verifier.KeysError](err)
			if !ok || !strings.Contains(failure.Error(), test.says) {
				t.Fatalf("Verify: %v, want a KeysError that says %s", err, test.says)
			}
			if !strings.Contains(test.says, test.change) || strings.Contains(failure.Error(), "secret") {
				t.Errorf("the error doesn't say what to change, or quotes a query: %v", failure)
			}
			if ready := v.Ready(t.Context()); ready == nil || !strings.Contains(ready.Error(), test.says) {
				t.Errorf("Ready: %v, want it to say the same", ready)
			}
			if status := v.Status()[0]; !strings.Contains(status.LastError, test.says) {
				t.Errorf("Status: %q, want it to say the same", status.LastError)
			}
		})
	}
}

// metadataAnd answers the request for metadata; keysAnd the one for keys.
func metadataAnd(document string) func(*http.Request) *http.Response {
	return answerAt("/.well-known/openid-configuration", document)
}

func keysAnd(document string) func(*http.Request) *http.Response {
	return answerAt("/jwks", document)
}

func answerAt(path, document string) func(*http.Request) *http.Response {
	return func(req *http.Request) *http.Response {
		if req.URL.Path != path {
			return nil
		}
		return response(http.StatusOK, document)
	}
}

// The address that it fails at is a real server's.
func TestAnUnknownAuthorityNamesTheClientToSet(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	issuer := verifiertest.NewIssuer(verifiertest.WithURL(server.URL))
	config := issuer.Config()
	config.HTTPClient, config.FetchTimeout = nil, patience
	failure := unavailable(t, newVerifier(t, config), issuer.Token(nil), verifier.CodeJWKSFetchFailed)
	const says = "the certificate is signed by an unknown authority; Config.HTTPClient can trust it"
	if !strings.Contains(failure.Error(), says) {
		t.Errorf("Verify: %v, want it to say %q", failure, says)
	}
}

// With several issuers, what an operator can change is one of their Configs.
func TestTokenOfAnIssuerThatIsNotConfiguredSaysSo(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	token := issuer.Token(map[string]any{"iss": issuer.URL() + "/"})
	_, err := newMulti(t, issuer.Config()).Verify(t.Context(), token)
	const multi = "its iss is the Config.Issuer of none of the 1 issuers: it must be the same to the last slash"
	if err == nil || !strings.Contains(err.Error(), multi) {
		t.Errorf("Multi: %v, want it to say %q", err, multi)
	}
	_, err = newDynamic(t, 1, &directory{}).Verify(t.Context(), token)
	const dynamic = "the Resolver doesn't know its iss"
	if err == nil || !strings.Contains(err.Error(), dynamic) {
		t.Errorf("Dynamic: %v, want it to say %q", err, dynamic)
	}
}

// A token of a key that isn't at hand is refused for what it says itself. There's nothing to
// quote then, and the field is named all the same.
func TestRefusalOfAnUncheckedTokenNamesTheField(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	v := newVerifier(t, issuer.Config())
	accept(t, v, issuer.Token(nil))
	for field, claims := range map[string]map[string]any{
		"Config.Issuer":    {"iss": "https://other.test"},
		"Config.Audiences": {"aud": "https://other.test"},
		"Config.Leeway":    {"exp": 1},
	} {
		_, err := v.Verify(t.Context(), withKid(issuer.Token(claims), "unknown"))
		if err == nil || !strings.Contains(err.Error(), field) || !strings.Contains(err.Error(), "its signature was not checked") {
			t.Errorf("Verify: %v, want it to name %s, and to say that the signature was not checked", err, field)
		}
	}
	if fetches := issuer.Fetches(); fetches != 1 {
		t.Errorf("%d fetches, want the first alone", fetches)
	}
}
