package introspection_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/introspection"
)

func TestVerifyReturnsWhatTheAuthorizationServerSays(t *testing.T) {
	t.Parallel()
	s := newServer()
	v := s.verifier(t, nil)
	claims := accept(t, v, s.issue("opaque", map[string]any{"jti": "7", "permissions": []string{"ship"}}))
	if claims.Subject() != "alice" || claims.Issuer() != issuer || claims.ClientID() != "app" || claims.ID() != "7" ||
		!claims.HasScope("orders:read") || !claims.HasPermission("ship") || claims.HasScope("orders") {
		t.Errorf("claims = %v with scopes %q", claims, claims.Scopes())
	}
	if claims.Recheck() != 6*time.Second {
		t.Errorf("Recheck = %v, want a tenth of CacheTTL", claims.Recheck())
	}
	var all struct {
		Active bool `json:"active"`
	}
	if err := claims.Decode(&all); err != nil || !all.Active {
		t.Errorf("Decode: %v, active %t, want the whole response", err, all.Active)
	}
	form := form(s)
	if form.Get("token") != "opaque" || form.Get("token_type_hint") != "access_token" || len(form) != 2 {
		t.Errorf("the form is %v", form)
	}
}

func TestVerifyJudgesTheAnswer(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for _, test := range []struct {
		name   string
		claims map[string]any
		change func(*introspection.Config)
		want   verifier.Code // "": accepted
	}{
		{"as it should be", nil, nil, ""},
		{"not active", map[string]any{"active": false}, nil, verifier.CodeInvalidToken},

		{"without iss it's the issuer's", map[string]any{"iss": nil}, nil, ""},
		{"of another issuer", map[string]any{"iss": "https://other.test"}, nil, verifier.CodeInvalidIssuer},
		{"of an issuer that differs by the slash", map[string]any{"iss": issuer + "/"}, nil, verifier.CodeInvalidIssuer},

		{"for several services", map[string]any{"aud": []string{"https://other.test", audience}}, nil, ""},
		{"for another service", map[string]any{"aud": "https://other.test"}, nil, verifier.CodeInvalidAudience},
		{"for no service", map[string]any{"aud": nil}, nil, verifier.CodeMissingClaim},
		{"for an empty list of services", map[string]any{"aud": []string{}}, nil, verifier.CodeMissingClaim},
		{"for no service, which is allowed", map[string]any{"aud": nil}, allowNoAudience, ""},
		{"for another service, if none is allowed", map[string]any{"aud": "https://other.test"}, allowNoAudience, verifier.CodeInvalidAudience},
		{"for no service, of a listed client", map[string]any{"aud": nil}, listClient, ""},
		{"for no service, of another client", map[string]any{"aud": nil, "client_id": "spy"}, listClient, verifier.CodeInvalidAudience},
		{"for no service, of no client", map[string]any{"aud": nil, "client_id": nil}, listClient, verifier.CodeInvalidAudience},
		{"for another service, of a listed client", map[string]any{"aud": "https://other.test"}, listClient, verifier.CodeInvalidAudience},

		{"expired", map[string]any{"exp": now.Add(-time.Hour).Unix()}, nil, verifier.CodeTokenExpired},
		{"expired within the leeway", map[string]any{"exp": now.Add(-10 * time.Second).Unix()}, nil, ""},
		{"expired without leeway", map[string]any{"exp": now.Add(-10 * time.Second).Unix()}, noLeeway, verifier.CodeTokenExpired},
		{"without exp", map[string]any{"exp": nil}, nil, verifier.CodeMissingClaim},
		{"without exp, which is allowed", map[string]any{"exp": nil}, allowNoExpiry, ""},
		{"expired, if none need expire", map[string]any{"exp": now.Add(-time.Hour).Unix()}, allowNoExpiry, verifier.CodeTokenExpired},
		{"not valid yet", map[string]any{"nbf": now.Add(time.Hour).Unix()}, nil, verifier.CodeTokenNotYetValid},
		{"valid within the leeway", map[string]any{"nbf": now.Add(10 * time.Second).Unix()}, nil, ""},

		{"bound to a key", map[string]any{"cnf": map[string]any{"jkt": "x"}}, nil, verifier.CodeInvalidToken},
		{"bound to a certificate", map[string]any{"cnf": map[string]any{"x5t#S256": thumbprint}}, nil, verifier.CodeInvalidToken},
		{"bound by an unknown method", map[string]any{"cnf": nilValue}, nil, verifier.CodeInvalidToken},

		{"of no named type", map[string]any{"token_type": nil}, nil, ""},
		{"bearer in other letters", map[string]any{"token_type": "bEARER"}, nil, ""},
		{"an access token", map[string]any{"token_type": "access_token"}, nil, ""},
		{"a token of RFC 8693", map[string]any{"token_type": "urn:ietf:params:oauth:token-type:access_token"}, nil, ""},
		{"DPoP", map[string]any{"token_type": "DPoP"}, nil, verifier.CodeInvalidToken},
		{"a refresh token", map[string]any{"token_type": "refresh_token"}, nil, verifier.CodeInvalidToken},
		{"of an empty type", map[string]any{"token_type": ""}, nil, verifier.CodeInvalidToken},
		{"of a type that is no string", map[string]any{"token_type": 1}, nil, verifier.CodeInvalidToken},
		{"an access token of Hydra", map[string]any{"token_use": "access_token"}, nil, ""},
		{"a refresh token of Hydra", map[string]any{"token_use": "refresh_token"}, nil, verifier.CodeInvalidToken},
		{"an access token of Keycloak", map[string]any{"typ": "Bearer"}, nil, ""},
		{"a refresh token of Keycloak", map[string]any{"typ": "Refresh"}, nil, verifier.CodeInvalidToken},
		{"an offline token of Keycloak", map[string]any{"typ": "Offline"}, nil, verifier.CodeInvalidToken},
		{"an ID token of Keycloak", map[string]any{"typ": "ID"}, nil, verifier.CodeInvalidToken},
		{"an ID token", map[string]any{"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}, nil, verifier.CodeInvalidToken},

		{"with the scope", nil, require("orders:read"), ""},
		{"without the scope", nil, require("orders:write"), verifier.CodeInsufficientScope},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newServer()
			v := s.verifier(t, test.change)
			token := s.issue("opaque", test.claims)
			if test.want == "" {
				accept(t, v, token)
				return
			}
			refuse(t, v, token, test.want)
		})
	}
}

// nilValue is a null that stays in the answer.
var nilValue = []any(nil)

func allowNoAudience(c *introspection.Config) { c.AllowNoAudience = true }
func allowNoExpiry(c *introspection.Config)   { c.AllowNoExpiry = true }
func noLeeway(c *introspection.Config)        { c.Leeway = -1 }
func listClient(c *introspection.Config)      { c.ClientIDs = []string{"app"} }

func require(scope string) func(*introspection.Config) {
	return func(c *introspection.Config) { c.Require.Scopes = []string{scope} }
}

// An answer that isn't certain is no answer: the token is neither accepted nor refused.
func TestVerifyBelievesOnlyACertainAnswer(t *testing.T) {
	t.Parallel()
	rest := `,"aud":"` + audience + `","exp":4102444800`
	for name, body := range map[string]string{
		"active is a string":             `{"active":"true"` + rest + `}`,
		"active is a number":             `{"active":1` + rest + `}`,
		"active is null":                 `{"active":null` + rest + `}`,
		"active is absent":               `{"sub":"alice"` + rest + `}`,
		"Active is not active":           `{"Active":true` + rest + `}`,
		"active is there twice":          `{"active":true,"active":true` + rest + `}`,
		"a member is there twice":        `{"active":true,"sub":"a","sub":"b"` + rest + `}`,
		"a list":                         `[{"active":true` + rest + `}]`,
		"text after the object":          `{"active":true` + rest + `} {}`,
		"cut short":                      `{"active":true` + rest,
		"empty":                          ``,
		"no UTF-8":                       "{\"active\":true,\"sub\":\"\xff\"" + rest + "}",
		"nested too deep":                `{"active":true,"x":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + rest + `}`,
		"exp is a string":                `{"active":true,"aud":"` + audience + `","exp":"4102444800"}`,
		"aud is a number":                `{"active":true,"aud":1,"exp":4102444800}`,
		"more than 64 KiB":               `{"active":true,"x":"` + strings.Repeat("x", 64<<10) + `"` + rest + `}`,
		"HTML":                           `<html>Sign in</html>`,
		"an error with the status 200":   `{"error":"invalid_client"}`,
		"inactive, and there twice":      `{"active":false,"active":true` + rest + `}`,
		"a string that says it's active": `"active"`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer()
			v := s.verifier(t, nil)
			token := s.answerWith("opaque", func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				_, _ = w.Write([]byte(body))
			})
			unavailable(t, verify(t, v, token), verifier.CodeIntrospectionError)
		})
	}
}

func TestVerifyBelievesOnlyJSON(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		contentType string
		want        bool
	}{
		{"application/json", true},
		{"Application/JSON;charset=UTF-8", true},
		{"", false},
		{"text/html", false},
		{"text/plain", false},
		{"application/token-introspection+jwt", false},
		{"application/problem+json", false},
	} {
		t.Run(test.contentType, func(t *testing.T) {
			t.Parallel()
			s := newServer()
			v := s.verifier(t, nil)
			token := s.answerWith("opaque", func(w http.ResponseWriter, _ *http.Request) {
				w.Header()["Content-Type"] = []string{test.contentType}
				_, _ = w.Write([]byte(`{"active":true,"aud":"` + audience + `","exp":4102444800}`))
			})
			if test.want {
				accept(t, v, token)
				return
			}
			unavailable(t, verify(t, v, token), verifier.CodeIntrospectionError)
		})
	}
}

// countedBytes counts what is read of a long answer.
type countedBytes struct{ left, read int }

func (c *countedBytes) Read(b []byte) (int, error) {
	if c.left == 0 {
		return 0, io.EOF
	}
	n := min(len(b), c.left)
	for i := range b[:n] {
		b[i] = ' '
	}
	c.left -= n
	c.read += n
	return n, nil
}

func (c *countedBytes) Close() error { return nil }

func TestVerifyReadsNoMoreThanItAccepts(t *testing.T) {
	t.Parallel()
	body := &countedBytes{left: 1 << 20}
	v := newServer().verifier(t, func(c *introspection.Config) {
		c.Client = introspection.Unauthenticated{}
		c.HTTPClient = &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			if strings.HasPrefix(r.PostFormValue("token"), "oidcrpc-probe-") {
				return nil, http.ErrServerClosed
			}
			header := http.Header{"Content-Type": {"application/json"}}
			return &http.Response{StatusCode: http.StatusOK, Header: header, Body: body, Request: r}, nil
		})}
	})
	unavailable(t, verify(t, v, "opaque"), verifier.CodeIntrospectionError)
	if body.read > 100<<10 {
		t.Errorf("%d bytes were read", body.read)
	}
}

func TestVerifyRefusesWhatCannotBeAToken(t *testing.T) {
	t.Parallel()
	s := newServer()
	v := s.verifier(t, nil)
	for _, token := range []string{
		"", "=", "a b", " a", "a\n", "a&token=b", "a,b", `a"b`, "ä", "a=b", strings.Repeat("a", 16<<10+1),
	} {
		refuse(t, v, token, verifier.CodeMalformedToken)
	}
	if n := s.questions(); n != 0 {
		t.Errorf("%d questions were asked, want none", n)
	}
	s.issue("a-._~+/9==", nil)
	accept(t, v, "a-._~+/9==")
}

func TestTokensOfATypeThatIsNotIntrospectedAreRefused(t *testing.T) {
	t.Parallel()
	s := newServer()
	v := s.verifier(t, nil)
	token := s.answerWith("a.b.c", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		writeJSON(w, map[string]any{"error": "unsupported_token_type"})
	})
	refuse(t, v, token, verifier.CodeInvalidToken)
}

func TestNothingSaidAboutATokenReachesItsCaller(t *testing.T) {
	t.Parallel()
	s := newServer()
	v := s.verifier(t, nil)
	s.issue("foreign", map[string]any{"aud": "https://secret.test", "sub": "secret"})
	s.issue("refresh", map[string]any{"token_type": "secret"})
	for _, token := range []string{"foreign", "refresh"} {
		_, err := v.Verify(t.Context(), token)
		if refusal, ok := errors.AsType[*verifier.AuthError](err); !ok || strings.Contains(refusal.Message, "secret") {
			t.Errorf("the message is %v", err)
		}
	}
}

func TestACallerHearsOfAllThatTheCallNeeds(t *testing.T) {
	t.Parallel()
	s := newServer()
	v := s.verifier(t, require("orders:read"))
	claims := accept(t, v, s.issue("opaque", nil))
	err := verifier.Requirement{Scopes: []string{"orders:write"}}.Check(claims)
	refusal, ok := errors.AsType[*verifier.AuthError](err)
	if !ok || strings.Join(refusal.Scopes, " ") != "orders:read orders:write" {
		t.Errorf("Check: %v, want both scopes", err)
	}
	_, err = s.verifier(t, require("orders:write")).Verify(t.Context(), "opaque")
	if refusal, ok := errors.AsType[*verifier.AuthError](err); !ok || strings.Join(refusal.Scopes, " ") != "orders:write" {
		t.Errorf("Verify: %v, want the scope", err)
	}
}
