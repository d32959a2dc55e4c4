package verifier_test

import (
	"crypto/elliptic"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// reports are what users of other verifiers told the public about real issuers, one each: the
// shape in words, and the product that it came from. A code says that it's refused.
var reports = []scene{
	// Key sets.
	{
		name: "a key set that is served as application/jwk-set+json alone: Kubernetes 1.36",
		respond: strictAbout(map[string]string{
			"/.well-known/openid-configuration": "application/json",
			"/jwks":                             "application/jwk-set+json",
		}),
	}, {
		name: "a key set that is served as application/json alone: most issuers",
		respond: strictAbout(map[string]string{
			"/.well-known/openid-configuration": "application/json",
			"/jwks":                             "application/json",
		}),
	},
	{name: "a certificate with a negative serial number in x5c: WSO2", keys: own(map[string]any{"x5c": []string{negativeSerial}})},
	{name: "an x5t that is no SHA-1 thumbprint: WorkOS", keys: own(map[string]any{"x5t": "sso_oidc_key_pair_01"})},
	{name: "the end of a PEM block in x5c", keys: own(map[string]any{"x5c": []string{"MIIB-----END CERTIFICATE-----\n"}})},
	{name: "an x5u that is no URL", keys: own(map[string]any{"x5u": "./certificate.pem"})},
	{
		name: "every member that the class has, as null: System.Text.Json",
		keys: own(nulls("d", "p", "q", "dp", "dq", "qi", "oth", "k", "use", "alg", "key_ops", "x5c", "x5t", "x5t#S256", "x5u", "n", "e")),
	},
	{name: "key_ops without an operation", keys: own(map[string]any{"key_ops": []string{}})},
	{
		name: "private members in a published key", keys: beside(own(map[string]any{"d": zeros(32)})),
		code: verifier.CodeKeyNotFound,
	}, {
		name: "the private key beside its public twin",
		keys: func(t *testing.T, i *verifiertest.Issuer) []any {
			private := map[string]any{"d": zeros(32), "kid": "private"}
			return append(beside(own(nil))(t, i), own(private)(t, i)...)
		},
		code: verifier.CodeKeyNotFound,
	}, {
		name: "keys for signatures and for encryption under one kid",
		keys: func(t *testing.T, i *verifiertest.Issuer) []any {
			return append(own(nil)(t, i), jwk(t, ecKey(t, elliptic.P256()).Public(), "ES256-1", map[string]any{"use": "enc"}))
		},
	},

	{
		name: "a key that everyone can download: oidc-provider 9.13, cognito-local 5.3, the Auth0 simulator",
		keys: beside(leaked), config: allow("RS256"), token: signedRS256("leaked"),
		code: verifier.CodeKeyNotFound,
	}, {
		name: "the same key, of an issuer on this host", url: "http://localhost:3000", // nothing but the signature is wrong
		keys: beside(leaked), config: allow("RS256"), token: signedRS256("leaked"), code: verifier.CodeInvalidToken,
	},

	// Tokens that don't say which key is theirs.
	{name: "no kid, and one key: Hydra 2.3", header: without("kid")},
	{
		name: "no kid, and one key for each algorithm: SAP", header: without("kid"),
		keys: func(t *testing.T, i *verifiertest.Issuer) []any {
			return append(own(nil)(t, i), jwk(t, rsaKey().Public(), "rsa", nil), jwk(t, ecKey(t, elliptic.P384()).Public(), "p384", nil))
		},
	}, {
		name: "no kid, and one key that is for signatures", header: without("kid"),
		keys: func(t *testing.T, i *verifiertest.Issuer) []any {
			return append(own(nil)(t, i), jwk(t, ecKey(t, elliptic.P256()).Public(), "enc", map[string]any{"use": "enc"}))
		},
	},
	{name: "neither the token nor the key has a kid", header: without("kid"), keys: own(map[string]any{"kid": nil})},
	{
		name: "no kid, and two keys of a rotation", header: without("kid"),
		keys: func(t *testing.T, i *verifiertest.Issuer) []any {
			return append(own(nil)(t, i), jwk(t, ecKey(t, elliptic.P256()).Public(), "next", nil))
		},
		code: verifier.CodeMissingKid,
	},
	{name: "x5t in place of kid, of a key that has it: AD FS", header: thumbprint("x5t"), keys: twoKeys("x5t")},
	{name: "x5t in place of kid, of a key that has it as its kid: AD FS", header: thumbprint("x5t"), keys: twoKeys("kid")},
	{name: "x5t#S256 in place of kid", header: thumbprint("x5t#S256"), keys: twoKeys("x5t#S256")},
	{name: "x5t beside kid: Entra ID", header: header("x5t", "unlisted")},
	{
		name: "EdDSA in the token, Ed25519 in the key: better-auth 1.7",
		keys: ed25519Key(map[string]any{"alg": "Ed25519"}), token: signedEd25519("EdDSA"), config: allow("EdDSA"),
	}, {
		name: "Ed25519 in the token, EdDSA in the key",
		keys: ed25519Key(map[string]any{"alg": "EdDSA"}), token: signedEd25519("Ed25519"), config: allow("EdDSA"),
	},

	// Headers.
	{name: "jku in every token: UAA", header: header("jku", "https://uaa.test/token_keys"), code: verifier.CodeForbiddenHeader},
	{
		name: "jku in every token, which the Config reads over: SAP XSUAA", header: header("jku", "https://uaa.test/token_keys"),
		config: func(c *verifier.Config) { c.IgnoreHeaders = []string{"jku"} },
	},
	{name: "typ JWT: most issuers", header: header("typ", "JWT")},
	{name: "no typ: Okta", header: without("typ")},
	{name: "typ application/at+jwt", header: header("typ", "application/at+jwt")},

	// Claims of other types than the standard's.
	{name: "auth_time as a date: AD FS", claims: map[string]any{"auth_time": "2026-10-01T09:00:00.000Z"}},
	{name: "sub as a number", claims: map[string]any{"sub": 4711}},
	{name: "jti as a number", claims: map[string]any{"jti": 1}},
	{name: "acr as a number", claims: map[string]any{"acr": 1}},
	{name: "azp as an array", claims: map[string]any{"azp": []string{"web", "cli"}}},
	{name: "client_id of null", claims: map[string]any{"client_id": verifiertest.Null}},
	{name: "iat as a text", claims: map[string]any{"iat": "1790000000"}},
	{name: "iat in the future: a clock that is ahead", claims: map[string]any{"iat": int64(4_000_000_000)}},
	{name: "exp as a text", claims: map[string]any{"exp": "4000000000"}, code: verifier.CodeMalformedToken},
	{name: "exp with a fraction", claims: map[string]any{"exp": raw("4000000000.5")}},
	{name: "a clock that is 20 seconds behind", claims: map[string]any{"nbf": time.Now().Add(20 * time.Second)}},
	{name: "a clock that is an hour behind", claims: map[string]any{"nbf": time.Now().Add(time.Hour)}, code: verifier.CodeTokenNotYetValid},
	{name: "nonce in an access token: older Keycloaks", claims: map[string]any{"nonce": "8a3fc1"}},
	{
		name: "the roles of 900 projects: 20 KiB of token", claims: map[string]any{"roles": slices.Repeat([]string{"project-admin-12"}, 900)},
		config: func(c *verifier.Config) { c.MaxTokenBytes = 32 << 10 },
	},

	// ID tokens.
	{name: "an ID token with at_hash: LemonLDAP::NG 2.16", claims: map[string]any{"at_hash": halfHash}, code: verifier.CodeInvalidToken},
	{
		name:   "an ID token with at_hash and the audience of the access token: ZITADEL",
		claims: map[string]any{"at_hash": halfHash, "aud": []string{"client", verifiertest.Audience}}, code: verifier.CodeInvalidToken,
	},
	{name: "an ID token with c_hash, of a hybrid flow", claims: map[string]any{"c_hash": halfHash}, code: verifier.CodeInvalidToken},
	{
		name: "an ID token that is the credential: Google's from a login, Dex", claims: map[string]any{"at_hash": halfHash},
		config: func(c *verifier.Config) { c.AcceptIDTokens = true },
	},

	// Audiences.
	{name: "aud is empty, since the client asked for none: Hydra 2.3", claims: map[string]any{"aud": []string{}}, code: verifier.CodeInvalidAudience},
	{name: "no aud and a client that isn't listed: Cognito", claims: map[string]any{"aud": nil}, code: verifier.CodeMissingClaim},
	{
		name: "no aud and a client that is listed: Cognito", claims: map[string]any{"aud": nil},
		config: func(c *verifier.Config) { c.Audiences, c.ClientIDs = nil, []string{"client"} },
	}, {
		name: "aud is the scope: Glewlwyd 2.7", claims: map[string]any{"aud": "orders:read orders:write"},
		config: func(c *verifier.Config) { c.Audiences = []string{"orders:read orders:write"} },
	}, {
		name: "scp in place of scope: Hydra 2.3", claims: map[string]any{"scp": []string{"orders:read"}},
		config: func(c *verifier.Config) { c.ScopeClaim, c.Require.Scopes = "scp", []string{"orders:read"} },
	},

	// Tokens that aren't signed, or aren't JWTs.
	{
		name:  "an unsigned token: the Firebase emulator",
		token: func(i *verifiertest.Issuer) string { return unsigned(i.Token(nil, withAlg("none")...)) },
		code:  verifier.CodeDisallowedAlg,
	},
	{name: "an opaque token: oidc-provider 9.13 without accessTokenFormat", token: text("R8C4hWKpQTgYJZXsyIM3t9mnFKfEbYO-"), code: verifier.CodeMalformedToken},
	{name: "an encrypted token", token: text("eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..a.b.c"), code: verifier.CodeMalformedToken},
	{name: "a shared secret", header: withAlg("HS256"), code: verifier.CodeDisallowedAlg},

	// Where the issuer is.
	{
		name: "an http issuer that is only a name: AD FS", url: "http://adfs.test/adfs/services/trust",
		config: func(c *verifier.Config) { c.JWKSURL = "https://adfs.test/adfs/discovery/jwks" },
	}, {
		name: "an issuer of localhost: XSUAA of long ago", url: "http://localhost:8080/uaa/oauth/token",
		config: func(c *verifier.Config) { c.JWKSURL = "https://uaa.test/jwks" },
	}, {
		name: "an issuer whose name differs inside: docker-compose", url: "http://localhost:8080/realms/shop",
		config: func(c *verifier.Config) { c.JWKSURL, c.AllowHTTP = "http://keycloak:8080/jwks", true },
	}, {
		name: "a jwks_uri that can't be reached from here: Kubernetes 1.36",
		respond: func(req *http.Request) *http.Response {
			if req.URL.Host != "cluster.test" {
				return response(http.StatusBadGateway, "")
			}
			return nil
		},
		config: func(c *verifier.Config) { c.JWKSURL = "https://cluster.test/openid/v1/jwks" },
	}, {
		name: "an issuer whose metadata are elsewhere than its name: B2C", url: "https://shop.b2clogin.test/tenant/v2.0/",
		respond: absentAt("/tenant/v2.0/.well-known/openid-configuration", http.StatusNotFound),
		config:  func(c *verifier.Config) { c.JWKSURL = "https://shop.b2clogin.test/tenant/policy/discovery/v2.0/jwks" },
	}, {
		name: "no metadata at all: better-auth 1.7's jwt plugin", respond: absentAt("/.well-known/", http.StatusNotFound),
		config: func(c *verifier.Config) { c.JWKSURL = "https://issuer.test/api/auth/jwks" },
	},
	{name: "metadata of RFC 8414 alone: OpenAuth 0.4", respond: oauthAlone(http.StatusNotFound)},
	{name: "metadata of RFC 8414 alone, and 400 elsewhere", respond: oauthAlone(http.StatusBadRequest)},
	{name: "metadata of RFC 8414 alone, and 405 elsewhere", respond: oauthAlone(http.StatusMethodNotAllowed)},
	{name: "metadata of RFC 8414 alone, and 410 elsewhere", respond: oauthAlone(http.StatusGone)},
	{name: "a name that stands twice in metadata", respond: metadataAnd(`{"claims_supported":[],"claims_supported":["sub"],` + namesOf("https://issuer.test"))},
	{name: "a byte of Latin-1 in metadata", respond: metadataAnd("{\"service_documentation\":\"\xe9\"," + namesOf("https://issuer.test"))},
}

// halfHash is an at_hash of RS256 or ES256 (OpenID Connect Core 1.0, section A.3).
const halfHash = "77QmUPtjPfzWtF2AnpK9RQ"

// negativeSerial is the start of a certificate whose serial number is -1.
var negativeSerial = base64.StdEncoding.EncodeToString([]byte("\x30\x82\x01\x00\x30\x81\xfd\xa0\x03\x02\x01\x02\x02\x01\xff"))

func header(name string, value any) []verifiertest.TokenOption {
	return []verifiertest.TokenOption{verifiertest.WithHeader(name, value)}
}

func without(name string) []verifiertest.TokenOption { return header(name, nil) }

func text(token string) func(*verifiertest.Issuer) string {
	return func(*verifiertest.Issuer) string { return token }
}

func allow(alg string) func(*verifier.Config) {
	return func(c *verifier.Config) { c.Algorithms = []string{alg} }
}

func nulls(names ...string) map[string]any {
	members := make(map[string]any)
	for _, name := range names {
		members[name] = verifiertest.Null
	}
	return members
}

const certificate = "NjVBRjY5MDlCMUIwNzU4RTA2QzZFMDQ4QzQ2MDAyQjVDNjk1RTM2Qg"

// thumbprint names the key by its certificate.
func thumbprint(name string) []verifiertest.TokenOption {
	return append(without("kid"), verifiertest.WithHeader(name, certificate))
}

// twoKeys fit, and the one that signs has the thumbprint under this name.
func twoKeys(name string) func(*testing.T, *verifiertest.Issuer) []any {
	return func(t *testing.T, issuer *verifiertest.Issuer) []any {
		members := map[string]any{"kid": nil}
		members[name] = certificate
		other := jwk(t, ecKey(t, elliptic.P256()).Public(), "other", map[string]any{"x5t": "other"})
		return append(own(members)(t, issuer), other)
	}
}

func ed25519Key(members map[string]any) func(*testing.T, *verifiertest.Issuer) []any {
	return func(t *testing.T, _ *verifiertest.Issuer) []any {
		return []any{jwk(t, edKey().Public(), "ed", members)}
	}
}

func signedEd25519(alg string) func(*verifiertest.Issuer) string {
	return func(*verifiertest.Issuer) string { return tokenBy(edKey(), alg, "ed") }
}

// leaked is a key whose private half stands in a package.
func leaked(t *testing.T, _ *verifiertest.Issuer) []any {
	for _, key := range leakedKeys(t) {
		if key["kty"] == "RSA" {
			key["kid"] = "leaked"
			return []any{key}
		}
	}
	return nil
}

func signedRS256(kid string) func(*verifiertest.Issuer) string {
	return func(i *verifiertest.Issuer) string {
		return everyAlgorithm().Token(map[string]any{"iss": i.URL()}, verifiertest.WithAlgorithm("RS256"),
			verifiertest.WithKey(rsaKey()), verifiertest.WithHeader("kid", kid))
	}
}

// strictAbout answers 406 to a request that doesn't accept what stands at its path.
func strictAbout(types map[string]string) func(*http.Request) *http.Response {
	return func(req *http.Request) *http.Response {
		if served := types[req.URL.Path]; !accepts(req, served) {
			return response(http.StatusNotAcceptable, "only the following media types are accepted: "+served)
		}
		return nil
	}
}

// accepts reads Accept as RFC 9110, section 12.5.1, has it, without wildcards for a part.
func accepts(req *http.Request, served string) bool {
	for element := range strings.SplitSeq(strings.Join(req.Header.Values("Accept"), ","), ",") {
		name, parameters, _ := strings.Cut(strings.TrimSpace(element), ";")
		quality := strings.TrimPrefix(strings.TrimSpace(parameters), "q=")
		if isRefused := quality != "" && strings.Trim(quality, "0.") == ""; isRefused {
			continue
		}
		if name = strings.TrimSpace(name); name == served || name == "*/*" {
			return true
		}
	}
	return false
}

func absentAt(prefix string, status int) func(*http.Request) *http.Response {
	return func(req *http.Request) *http.Response {
		if !strings.HasPrefix(req.URL.Path, prefix) {
			return nil
		}
		return response(status, "")
	}
}

// oauthAlone serves no OpenID metadata.
func oauthAlone(status int) func(*http.Request) *http.Response {
	return func(req *http.Request) *http.Response {
		switch req.URL.Path {
		case "/.well-known/openid-configuration":
			return response(status, "")
		case "/.well-known/oauth-authorization-server":
			return response(http.StatusOK, "{"+namesOf("https://issuer.test"))
		default:
			return nil
		}
	}
}

// namesOf ends a metadata document.
func namesOf(issuer string) string {
	return fmt.Sprintf(`"issuer":%q,"jwks_uri":%q}`, issuer, issuer+"/jwks")
}

func TestShapesThatUsersReportedAreAcceptedOrRefusedAsDecided(t *testing.T) {
	t.Parallel()
	for _, report := range reports {
		t.Run(report.name, func(t *testing.T) {
			config, token := report.play(t)
			v := newVerifier(t, config)
			if got := verdict(t, v, token); got != report.code {
				_, err := v.Verify(t.Context(), token)
				t.Errorf("code = %q, want %q: %v", got, report.code, err)
			}
		})
	}
}
