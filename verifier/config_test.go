package verifier_test

import (
	"context"
	"errors"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

func noKeys(context.Context) ([]byte, error) { return nil, errors.New("none") }

func TestNewNamesTheWrongField(t *testing.T) {
	t.Parallel()
	jwks := verifiertest.NewIssuer().JWKS()
	tests := []struct {
		name  string
		spoil func(*verifier.Config)
		field string
	}{
		{"no issuer", func(c *verifier.Config) { c.Issuer = "" }, "Issuer"},
		{"an issuer that is no URL", func(c *verifier.Config) { c.Issuer = "kubernetes" }, "Issuer"},
		{"an issuer without a scheme", func(c *verifier.Config) { c.Issuer = "issuer.example" }, "Issuer"},
		{"an issuer without a host", func(c *verifier.Config) { c.Issuer = "https:///path" }, "Issuer"},
		{"an opaque issuer", func(c *verifier.Config) { c.Issuer = "https:issuer.example" }, "Issuer"},
		{"a file as issuer", func(c *verifier.Config) { c.Issuer = "file://localhost/etc/keys" }, "Issuer"},
		{"a plain http issuer", func(c *verifier.Config) { c.Issuer = "http://issuer.example" }, "Issuer"},
		{"a name like a loopback address", func(c *verifier.Config) { c.Issuer = "http://127.0.0.1.example" }, "Issuer"},
		{"a name like localhost", func(c *verifier.Config) { c.Issuer = "http://localhost.example" }, "Issuer"},
		{"an issuer with a query", func(c *verifier.Config) { c.Issuer = "https://issuer.example/?tenant=1" }, "Issuer"},
		{"an issuer with a fragment", func(c *verifier.Config) { c.Issuer = "https://issuer.example/#f" }, "Issuer"},
		{"an issuer with an empty fragment", func(c *verifier.Config) { c.Issuer = "https://issuer.example/#" }, "Issuer"},
		{"an issuer with an empty port", func(c *verifier.Config) { c.Issuer = "https://issuer.example:/" }, "Issuer"},
		{"an issuer with a space", func(c *verifier.Config) { c.Issuer = "https://issuer.example/ " }, "Issuer"},
		{"the URL of metadata", func(c *verifier.Config) {
			c.Issuer = "https://issuer.example/.well-known/openid-configuration"
		}, "Issuer"},
		{"an issuer with a user", func(c *verifier.Config) { c.Issuer = "https://user@issuer.example/" }, "Issuer"},

		{"a relative key set URL", func(c *verifier.Config) { c.JWKSURL = "/jwks" }, "JWKSURL"},
		{"a plain http key set URL", func(c *verifier.Config) { c.JWKSURL = "http://issuer.example/jwks" }, "JWKSURL"},
		{"a key set URL with a user", func(c *verifier.Config) { c.JWKSURL = "https://u:p@issuer.example/jwks" }, "JWKSURL"},
		{"a key set URL with a fragment", func(c *verifier.Config) { c.JWKSURL = "https://issuer.example/jwks#1" }, "JWKSURL"},
		{"a key set URL that does not parse", func(c *verifier.Config) { c.JWKSURL = "https://issuer.example/%zz" }, "JWKSURL"},

		{"fixed keys and a key set URL", func(c *verifier.Config) {
			c.JWKS, c.JWKSURL = jwks, "https://issuer.example/jwks"
		}, "JWKS"},
		{"fixed keys and a file", func(c *verifier.Config) { c.JWKS, c.JWKSFile = jwks, "jwks.json" }, "JWKS"},
		{"fixed keys and a function", func(c *verifier.Config) { c.JWKS, c.FetchJWKS = jwks, noKeys }, "JWKS"},
		{"a key set URL and a file", func(c *verifier.Config) {
			c.JWKSURL, c.JWKSFile = "https://issuer.example/jwks", "jwks.json"
		}, "JWKSURL"},
		{"a key set URL and a function", func(c *verifier.Config) {
			c.JWKSURL, c.FetchJWKS = "https://issuer.example/jwks", noKeys
		}, "JWKSURL"},
		{"a file and a function", func(c *verifier.Config) { c.JWKSFile, c.FetchJWKS = "jwks.json", noKeys }, "JWKSFile"},
		{"no issuer beside a file", func(c *verifier.Config) { c.Issuer, c.JWKSFile = "", "jwks.json" }, "Issuer"},
		{"no issuer beside a function", func(c *verifier.Config) { c.Issuer, c.FetchJWKS = "", noKeys }, "Issuer"},
		{"fixed keys that are empty", func(c *verifier.Config) { c.JWKS = []byte{} }, "JWKS"},
		{"fixed keys that are no key set", func(c *verifier.Config) { c.JWKS = []byte(`{"key": []}`) }, "JWKS"},

		{"no audience", func(c *verifier.Config) { c.Audiences = nil }, "Audiences"},
		{"an empty audience", func(c *verifier.Config) { c.Audiences = []string{"a", ""} }, "Audiences"},
		{"clients of tokens that the strict profile refuses", func(c *verifier.Config) {
			c.RFC9068, c.Audiences, c.ClientIDs = true, nil, []string{"client"}
		}, "ClientIDs"},
		{"an empty client ID", func(c *verifier.Config) { c.ClientIDs = []string{"a", ""} }, "ClientIDs"},

		{"an empty list of algorithms", func(c *verifier.Config) { c.Algorithms = []string{} }, "Algorithms"},
		{"none", func(c *verifier.Config) { c.Algorithms = []string{"RS256", "none"} }, "Algorithms"},
		{"HMAC", func(c *verifier.Config) { c.Algorithms = []string{"HS256"} }, "Algorithms"},
		{"an algorithm in another case", func(c *verifier.Config) { c.Algorithms = []string{"rs256"} }, "Algorithms"},
		{"an encryption algorithm", func(c *verifier.Config) { c.Algorithms = []string{"RSA-OAEP"} }, "Algorithms"},
		{"an algorithm without a name", func(c *verifier.Config) { c.Algorithms = []string{""} }, "Algorithms"},

		{"more than five minutes of leeway", func(c *verifier.Config) { c.Leeway = 5*time.Minute + 1 }, "Leeway"},
		{"an empty list of types", func(c *verifier.Config) { c.Types = []string{} }, "Types"},
		{"an empty type", func(c *verifier.Config) { c.Types = []string{"at+jwt", ""} }, "Types"},
		{"a type that is all prefix", func(c *verifier.Config) { c.Types = []string{"Application/"} }, "Types"},
		{"types beside the strict profile", func(c *verifier.Config) { c.Types, c.RFC9068 = []string{"at+jwt"}, true }, "Types"},
		{"a negative lifetime", func(c *verifier.Config) { c.MaxLifetime = -1 }, "MaxLifetime"},
		{"a lifetime of nanoseconds", func(c *verifier.Config) { c.MaxLifetime = 900 }, "MaxLifetime"},
		{"a negative fetch timeout", func(c *verifier.Config) { c.FetchTimeout = -1 }, "FetchTimeout"},
		{"a negative time to live", func(c *verifier.Config) { c.KeysTTL = -1 }, "KeysTTL"},
		{"a time to live of more than a day", func(c *verifier.Config) { c.KeysTTL = 24*time.Hour + 1 }, "KeysTTL"},
		{"a time to live of less than a second", func(c *verifier.Config) { c.KeysTTL = time.Second - 1 }, "KeysTTL"},
		{"a negative length of tokens", func(c *verifier.Config) { c.MaxTokenBytes = -1 }, "MaxTokenBytes"},
		{"tokens of more than 64 KiB", func(c *verifier.Config) { c.MaxTokenBytes = 64<<10 + 1 }, "MaxTokenBytes"},
		{"a critical header that is ignored", func(c *verifier.Config) { c.IgnoreHeaders = []string{"jku", "crit"} }, "IgnoreHeaders"},
		{"b64 that is ignored", func(c *verifier.Config) { c.IgnoreHeaders = []string{"b64"} }, "IgnoreHeaders"},
		{"zip that is ignored", func(c *verifier.Config) { c.IgnoreHeaders = []string{"zip"} }, "IgnoreHeaders"},
		{"enc that is ignored", func(c *verifier.Config) { c.IgnoreHeaders = []string{"enc"} }, "IgnoreHeaders"},
		{"p2c that is ignored", func(c *verifier.Config) { c.IgnoreHeaders = []string{"p2c"} }, "IgnoreHeaders"},
		{"epk that is ignored", func(c *verifier.Config) { c.IgnoreHeaders = []string{"epk"} }, "IgnoreHeaders"},
		{"an ignored header in another case", func(c *verifier.Config) { c.IgnoreHeaders = []string{"JKU"} }, "IgnoreHeaders"},
		{"as many remembered tokens as there are numbers", func(c *verifier.Config) { c.TokenCacheSize = math.MaxInt }, "TokenCacheSize"},
		{"more than a day of stale keys", func(c *verifier.Config) { c.KeysMaxStale = 24*time.Hour + 1 }, "KeysMaxStale"},
		{"more remembered tokens than fit", func(c *verifier.Config) { c.TokenCacheSize = 10_000_001 }, "TokenCacheSize"},
		{"300 nanoseconds of leeway", func(c *verifier.Config) { c.Leeway = 300 }, "Leeway is 300ns: a bare number counts nanoseconds"},
		{"3 nanoseconds to fetch", func(c *verifier.Config) { c.FetchTimeout = 3 }, "FetchTimeout is 3ns: a bare number"},
		{"300 nanoseconds to live", func(c *verifier.Config) { c.KeysTTL = 300 }, "KeysTTL is 300ns: a bare number"},
		{"3600 nanoseconds to be stale", func(c *verifier.Config) { c.KeysMaxStale = 3600 }, "KeysMaxStale is 3.6µs: a bare number"},

		{"two scopes in one", func(c *verifier.Config) { c.Require.Scopes = []string{"read write"} }, "Require"},
		{"an empty permission", func(c *verifier.Config) { c.Require.Permissions = []string{""} }, "Require"},
		{"a bad pointer to the scope", func(c *verifier.Config) { c.ScopeClaim = "/a~2b" }, "ScopeClaim"},
		{"a bad pointer to the permissions", func(c *verifier.Config) { c.PermissionsClaim = "/a/~" }, "PermissionsClaim"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			config := verifier.Config{Issuer: "https://issuer.example/", Audiences: []string{"https://api.example"}}
			if _, err := verifier.New(config); err != nil {
				t.Fatalf("the unbroken Config: %v", err)
			}
			test.spoil(&config)
			v, err := verifier.New(config)
			if err == nil {
				t.Fatalf("New succeeded, want an error about %s", test.field)
			}
			if v != nil {
				t.Error("New returned a Verifier with its error")
			}
			if !strings.HasPrefix(err.Error(), "verifier: Config."+test.field) || hasLongerName(err, test.field) {
				t.Errorf("error = %q, want it to begin with the field Config.%s", err, test.field)
			}
		})
	}
}

// hasLongerName reports whether the error names another field, whose name begins
// with this one.
func hasLongerName(err error, field string) bool {
	rest := strings.TrimPrefix(err.Error(), "verifier: Config."+field)
	return rest != "" && (rest[0] >= 'A' && rest[0] <= 'Z' || rest[0] >= 'a' && rest[0] <= 'z')
}

func TestNewAcceptsTheEdgesOfEachField(t *testing.T) {
	t.Parallel()
	jwks := verifiertest.NewIssuer().JWKS()
	tests := []struct {
		name   string
		change func(*verifier.Config)
	}{
		{"every algorithm", func(c *verifier.Config) { c.Algorithms = algorithms }},
		{"five minutes of leeway", func(c *verifier.Config) { c.Leeway = 5 * time.Minute }},
		{"every hint that can be ignored", func(c *verifier.Config) { c.IgnoreHeaders = []string{"jku", "x5u", "jwk", "x5c", "cty"} }},
		{"tokens of 64 KiB", func(c *verifier.Config) { c.MaxTokenBytes = 64 << 10 }},
		{"no leeway", func(c *verifier.Config) { c.Leeway = -1 }},
		{"no stale keys", func(c *verifier.Config) { c.KeysMaxStale = -1 }},
		{"no remembered tokens", func(c *verifier.Config) { c.TokenCacheSize = -1 }},
		{"a time to live of a day", func(c *verifier.Config) { c.KeysTTL = 24 * time.Hour }},
		{"a time to live of a second", func(c *verifier.Config) { c.KeysTTL = time.Second }},
		{"as many remembered tokens as fit", func(c *verifier.Config) { c.TokenCacheSize = 10_000_000 }},
		{"client IDs alone", func(c *verifier.Config) { c.Audiences, c.ClientIDs = nil, []string{"client"} }},
		{"an http issuer on this host", func(c *verifier.Config) { c.Issuer = "http://localhost:8080" }},
		{"an http issuer on a loopback address", func(c *verifier.Config) { c.Issuer = "http://127.8.9.1/realm" }},
		{"an http issuer on the IPv6 loopback", func(c *verifier.Config) { c.Issuer = "http://[::1]:8080" }},
		{"an http issuer that is allowed", func(c *verifier.Config) {
			c.Issuer, c.AllowHTTP = "http://issuer.example", true
		}},
		{"an http key set URL that is allowed", func(c *verifier.Config) {
			c.JWKSURL, c.AllowHTTP = "http://issuer.example/jwks", true
		}},
		{"a key set URL with a query", func(c *verifier.Config) { c.JWKSURL = "https://issuer.example/jwks?v=1" }},
		{"any issuer beside a key set URL", func(c *verifier.Config) {
			c.Issuer, c.JWKSURL = "kubernetes/serviceaccount", "https://issuer.example/jwks"
		}},
		{"a plain http issuer beside fixed keys", func(c *verifier.Config) { c.Issuer, c.JWKS = "http://issuer.example", jwks }},
		{"a plain http issuer beside an https key set URL", func(c *verifier.Config) {
			c.Issuer, c.JWKSURL = "http://issuer.example", "https://issuer.example/jwks"
		}},
		{"any issuer beside fixed keys", func(c *verifier.Config) { c.Issuer, c.JWKS = "https://x/?y#z", jwks }},
		{"any issuer beside a file that isn't there yet", func(c *verifier.Config) { c.Issuer, c.JWKSFile = "urn:x", "missing.json" }},
		{"any issuer beside a function", func(c *verifier.Config) { c.Issuer, c.FetchJWKS = "urn:x", noKeys }},
		{"a claim name that looks like a URL", func(c *verifier.Config) { c.ScopeClaim = "https://x.example/roles~2" }},
		{"the pointer to an empty name", func(c *verifier.Config) { c.ScopeClaim = "/" }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			config := verifier.Config{Issuer: "https://issuer.example/", Audiences: []string{"https://api.example"}}
			test.change(&config)
			if _, err := verifier.New(config); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestNewKeepsItsOwnCopyOfTheConfig(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	config := offline(issuer)
	config.Algorithms = []string{"ES256"}
	config.ClientIDs = []string{"client"}
	config.Require = verifier.Requirement{
		Scopes: []string{"read"}, AnyScopes: []string{"read"}, Permissions: []string{"write"}, ACRValues: []string{"mfa"},
	}
	v := newVerifier(t, config)

	config.Audiences[0] = "changed"
	config.ClientIDs[0] = "changed"
	config.Algorithms[0] = "changed"
	config.Require.Scopes[0] = "changed"
	config.Require.AnyScopes[0] = "changed"
	config.Require.Permissions[0] = "changed"
	config.Require.ACRValues[0] = "changed"
	clear(config.JWKS)

	granted := map[string]any{"scope": "read", "permissions": "write", "acr": "mfa"}
	accept(t, v, issuer.Token(granted))
	granted["aud"] = nil
	accept(t, v, issuer.Token(granted))
}

func TestDefaultAlgorithmIsRS256Alone(t *testing.T) {
	t.Parallel()
	issuer := everyAlgorithm()
	config := offline(issuer)
	config.Algorithms = nil
	v := newVerifier(t, config)
	for _, alg := range algorithms {
		want := verifier.CodeDisallowedAlg
		if alg == "RS256" {
			want = ""
		}
		if got := verdict(t, v, issuer.Token(nil, verifiertest.WithAlgorithm(alg))); got != want {
			t.Errorf("%s: code = %q, want %q", alg, got, want)
		}
	}
}

func TestNewContactsNoOne(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	network := &remote{respond: issuer.RoundTrip}
	config := issuer.Config()
	config.HTTPClient = network.client()
	v := newVerifier(t, config)
	if got := network.requests(); len(got) != 0 {
		t.Errorf("New requested %q", got)
	}
	accept(t, v, issuer.Token(nil))
	if len(network.requests()) == 0 {
		t.Error("the client of the Config was not used")
	}
}

func TestHTTPClientIsCopied(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	config := issuer.Config()
	client := config.HTTPClient
	v := newVerifier(t, config)
	if client.CheckRedirect != nil {
		t.Error("New changed the client it was given")
	}
	client.Transport = &remote{respond: func(*http.Request) (*http.Response, error) {
		t.Error("a transport set after New was used")
		return response(http.StatusNotFound, ""), nil
	}}
	accept(t, v, issuer.Token(nil))
}
