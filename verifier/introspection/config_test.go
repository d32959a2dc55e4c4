package introspection_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier/introspection"
)

func TestNewNamesTheInvalidField(t *testing.T) {
	t.Parallel()
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	for want, change := range map[string]func(*introspection.Config){
		"Config.Issuer is required":                   func(c *introspection.Config) { c.Issuer = "" },
		"Config.Issuer must be an https URL":          func(c *introspection.Config) { c.Issuer, c.Endpoint = "http://issuer.test", "" },
		"Config.Issuer must be the issuer itself":     func(c *introspection.Config) { c.Issuer, c.Endpoint = issuer+"?a", "" },
		"Config.Endpoint must be an https URL":        func(c *introspection.Config) { c.Endpoint = "http://issuer.test/introspect" },
		"Config.Endpoint must be an absolute URL":     func(c *introspection.Config) { c.Endpoint = "introspect" },
		"Config.Client is required":                   func(c *introspection.Config) { c.Client = nil },
		"Config.Client must be the value":             func(c *introspection.Config) { c.Client = &introspection.SecretBasic{} },
		"Config.Client needs a ClientID and a Secret": func(c *introspection.Config) { c.Client = introspection.SecretBasic{ClientID: "api"} },
		"needs a ClientID and a Secret":               func(c *introspection.Config) { c.Client = introspection.SecretPost{Secret: "secret"} },
		"Config.Client needs a ClientID and a Key":    func(c *introspection.Config) { c.Client = introspection.PrivateKeyJWT{ClientID: "api"} },
		`"HS256" is not the name`: func(c *introspection.Config) {
			c.Client = introspection.PrivateKeyJWT{ClientID: "api", Key: key, Algorithm: "HS256"}
		},
		"the Key can't sign with RS256": func(c *introspection.Config) {
			c.Client = introspection.PrivateKeyJWT{ClientID: "api", Key: key, Algorithm: "RS256"}
		},
		"Config.Client is a nil BearerToken": func(c *introspection.Config) { c.Client = introspection.BearerToken(nil) },
		"Config.HTTPClient must present": func(c *introspection.Config) {
			c.Client, c.HTTPClient = introspection.TLSClient{ClientID: "api"}, nil
		},
		"a Transport without a certificate": func(c *introspection.Config) {
			c.Client = introspection.TLSClient{ClientID: "api"}
			c.HTTPClient = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{}}}
		},
		"Config.Audiences must name at least one":       func(c *introspection.Config) { c.Audiences = nil },
		"Config.Audiences must not hold an empty":       func(c *introspection.Config) { c.Audiences = []string{""} },
		"Config.ClientIDs must not hold an empty":       func(c *introspection.Config) { c.ClientIDs = []string{""} },
		"Config.Leeway must be at most":                 func(c *introspection.Config) { c.Leeway = time.Hour },
		"Config.Leeway is 30ns: a bare number counts":   func(c *introspection.Config) { c.Leeway = 30 },
		"Config.FetchTimeout must not be negative":      func(c *introspection.Config) { c.FetchTimeout = -1 },
		"Config.CacheTTL must be between":               func(c *introspection.Config) { c.CacheTTL = -1 },
		"Config.CacheTTL must be between 1s and 1h0m0s": func(c *introspection.Config) { c.CacheTTL = 2 * time.Hour },
		"Config.MaxTokenBytes must be at most":          func(c *introspection.Config) { c.MaxTokenBytes = 1 << 20 },
		"Config.TokenCacheSize must be at most":         func(c *introspection.Config) { c.TokenCacheSize = -1 },
		"Config.UnknownTokensPerSecond must be at most": func(c *introspection.Config) { c.UnknownTokensPerSecond = -1 },
		"Config.Require":                  func(c *introspection.Config) { c.Require.Scopes = []string{"a b"} },
		"Config.Algorithms has no effect": func(c *introspection.Config) { c.Algorithms = []string{"RS256"} },
		"Config.Algorithms must not be empty": func(c *introspection.Config) {
			c.SignedResponses, c.Algorithms = true, []string{}
		},
		`Config.Algorithms: "HS256"`: func(c *introspection.Config) {
			c.SignedResponses, c.Algorithms = true, []string{"HS256"}
		},
		"Config.SignedResponses needs a Config.Client": func(c *introspection.Config) {
			c.SignedResponses, c.Client = true, introspection.Unauthenticated{}
		},
		"Config.Issuer must be an absolute URL": func(c *introspection.Config) {
			c.SignedResponses, c.Issuer = true, "name"
		},
		"introspection: Config.ScopeClaim":               func(c *introspection.Config) { c.ScopeClaim = "/~" },
		"introspection: Config.PermissionsClaim: \"/~\"": func(c *introspection.Config) { c.PermissionsClaim = "/~" },
	} {
		config := newServer().config()
		change(&config)
		v, err := introspection.New(config)
		if err == nil || v != nil || !strings.HasPrefix(err.Error(), "introspection: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("New: %v, want %q in it", err, want)
		}
	}
}

func TestNewKeepsACopyOfItsConfig(t *testing.T) {
	t.Parallel()
	s := newServer()
	config := s.config()
	v, err := introspection.New(config)
	if err != nil {
		t.Fatal(err)
	}
	config.Audiences[0] = "https://other.test"
	accept(t, v, s.issue("opaque", nil))
}

func TestAnEndpointOnThisHostMayBePlain(t *testing.T) {
	t.Parallel()
	for _, endpoint := range []string{"http://localhost:4445/introspect", "http://127.0.0.1/"} {
		config := newServer().config()
		config.Endpoint = endpoint
		if _, err := introspection.New(config); err != nil {
			t.Errorf("%s: %v", endpoint, err)
		}
	}
	config := newServer().config()
	config.Endpoint, config.AllowHTTP = "http://issuer.test/introspect", true
	if _, err := introspection.New(config); err != nil {
		t.Errorf("with AllowHTTP: %v", err)
	}
}
