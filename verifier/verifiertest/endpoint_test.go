package verifiertest_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2/clientcredentials"

	"github.com/oidcrpc/oidcrpc/interceptor/client"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// ask posts a form to the token endpoint, by RoundTrip, and changes the request before.
func ask(t *testing.T, issuer *verifiertest.Issuer, form string, change ...func(*http.Request)) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, issuer.URL()+"/token", strings.NewReader(form))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for _, change := range change {
		change(req)
	}
	res, err := issuer.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	return res, read(t, res)
}

// granted returns the claims in the token that a form gets.
func granted(t *testing.T, issuer *verifiertest.Issuer, form string, change ...func(*http.Request)) map[string]any {
	t.Helper()
	res, body := ask(t, issuer, form, change...)
	var answer struct {
		Token string `json:"access_token"`
		Type  string `json:"token_type"`
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil || res.StatusCode != http.StatusOK || answer.Type != "Bearer" {
		t.Fatalf("%s gets %s %s", form, res.Status, body)
	}
	if got := res.Header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control = %q", got)
	}
	_, payload, _ := parts(t, answer.Token)
	return object(t, payload)
}

func TestTokenEndpointGrantsWhatIsAskedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		now := float64(time.Now().Unix())
		issuer := verifiertest.NewIssuer(verifiertest.WithTokenEndpoint(
			map[string]any{"aud": "https://orders.example", "exp": time.Hour, "tenant": "acme"}))
		basic := func(req *http.Request) { req.SetBasicAuth(url.QueryEscape("the shop"), "secret") }
		for _, test := range []struct {
			name, form string
			change     []func(*http.Request)
			want       map[string]any // nil: the claim is absent
		}{
			{"nothing", "grant_type=client_credentials", nil, map[string]any{
				"iss": issuer.URL(), "aud": "https://orders.example", "sub": "user", "client_id": "client", "scope": nil,
				"auth_time": nil, "iat": now, "exp": now + 3600, "tenant": "acme",
			}},
			{"a client", "grant_type=client_credentials&client_id=shop", nil, map[string]any{"client_id": "shop", "sub": "shop"}},
			{"a client with its secret", "grant_type=client_credentials&client_id=other", []func(*http.Request){basic},
				map[string]any{"client_id": "the shop", "sub": "the shop"}},
			{"a user", "grant_type=password&username=alice&password=x&client_id=shop", nil,
				map[string]any{"client_id": "shop", "sub": "alice", "auth_time": now}},
			{"scopes", "grant_type=client_credentials&scope=a+b", nil, map[string]any{"scope": "a b"}},
			{"an audience", "grant_type=client_credentials&audience=x", nil, map[string]any{"aud": "x"}},
			{"two resources", "grant_type=client_credentials&resource=x&resource=y", nil, map[string]any{"aud": []any{"x", "y"}}},
			{"a short life", "grant_type=client_credentials&expires_in=7", nil, map[string]any{"exp": now + 7}},
			{"no life", "grant_type=client_credentials&expires_in=-7", nil, map[string]any{"exp": now - 7}},
			{"claims", "grant_type=password&username=alice&scope=a&claims=" + url.QueryEscape(
				`{"sub":"bob","scope":null,"exp":9007199254740991,"roles":["x"],"tenant":null}`), nil,
				map[string]any{"sub": "bob", "scope": nil, "exp": 9007199254740991.0, "roles": []any{"x"}, "tenant": nil}},
		} {
			claims := granted(t, issuer, test.form, test.change...)
			for name, want := range test.want {
				if got := claims[name]; !reflect.DeepEqual(got, want) {
					t.Errorf("%s: %s = %v, want %v", test.name, name, got, want)
				}
			}
		}
	})
}

func TestTokenEndpointSaysWhatItGranted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		issuer := verifiertest.NewIssuer(verifiertest.WithTokenEndpoint(nil, verifiertest.WithHeader("typ", "JWT")))
		_, body := ask(t, issuer, "grant_type=client_credentials&scope=a&expires_in=90")
		answer := object(t, []byte(body))
		if answer["expires_in"] != 90.0 || answer["scope"] != "a" {
			t.Errorf("the answer is %s", body)
		}
		header, _, _ := parts(t, answer["access_token"].(string))
		if object(t, header)["typ"] != "JWT" {
			t.Errorf("the header is %s", header)
		}
		_, body = ask(t, issuer, "grant_type=client_credentials&claims=%7B%22exp%22:null%7D")
		if _, has := object(t, []byte(body))["expires_in"]; has {
			t.Errorf("a token without exp expires: %s", body)
		}
	})
}

func TestTokenEndpointBindsTokensToTheKeyOfAProof(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer(verifiertest.WithTokenEndpoint(nil))
	key, err := client.NewDPoP(client.DPoPConfig{})
	if err != nil {
		t.Fatal(err)
	}
	config := clientcredentials.Config{ClientID: "shop", TokenURL: issuer.URL() + "/token"}
	token, err := client.NewSource(config.Token,
		client.WithDPoP(key), client.WithHTTPClient(&http.Client{Transport: issuer})).Token(t.Context())
	if err != nil {
		t.Fatal(err) // also if its type isn't DPoP
	}
	v, err := verifier.New(issuer.Config())
	if err != nil {
		t.Fatal(err)
	}
	claims, err := v.VerifyBound(t.Context(), token.AccessToken, func(verifier.Confirmation) error { return nil })
	if err != nil || claims.Confirmation() != (verifier.Confirmation{KeyThumbprint: key.Thumbprint()}) {
		t.Errorf("claims = %v, err = %v, want a token for the proof's key", claims, err)
	}
}

func TestTokenEndpointRefusesAProofWithoutAKey(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer(verifiertest.WithTokenEndpoint(nil))
	for _, header := range []string{"?", "[]", "{}", `{"jwk":{"kty":"EC"}}`} {
		proof := base64.RawURLEncoding.EncodeToString([]byte(header)) + ".e30.AA"
		res, body := ask(t, issuer, "grant_type=client_credentials", func(req *http.Request) { req.Header.Set("DPoP", proof) })
		if res.StatusCode != http.StatusBadRequest || !strings.Contains(body, `"invalid_dpop_proof"`) {
			t.Errorf("%s gets %s %s", header, res.Status, body)
		}
	}
}

func TestTokenComesAloneWhenAskedFor(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer(verifiertest.WithTokenEndpoint(nil))
	res, body := ask(t, issuer, "grant_type=client_credentials", func(req *http.Request) {
		req.Header.Set("Accept", "application/jwt")
	})
	if _, err := newVerifier(t, issuer.Config()).Verify(t.Context(), body); err != nil {
		t.Errorf("%q: %v", body, err)
	}
	if got := res.Header.Get("Content-Type"); got != "application/jwt" {
		t.Errorf("its type is %q", got)
	}
}

func TestTokenEndpointRefusesWhatIsNoRequest(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer(verifiertest.WithTokenEndpoint(nil))
	for form, want := range map[string]string{
		"":                              "unsupported_grant_type",
		"grant_type=authorization_code": "unsupported_grant_type",
		"grant_type=password":           "invalid_request",
		"grant_type=client_credentials&expires_in=soon": "invalid_request",
		"grant_type=client_credentials&claims=x":        "invalid_request",
		"grant_type=client_credentials&claims=[]":       "invalid_request",
		"grant_type=client_credentials&claims={}{}":     "invalid_request",
		"grant_type=%zz": "invalid_request",
		"grant_type=client_credentials&x=" + strings.Repeat("x", 1e5): "invalid_request",
	} {
		res, body := ask(t, issuer, form)
		if got := object(t, []byte(body)); res.StatusCode != http.StatusBadRequest || got["error"] != want {
			t.Errorf("%.60q gets %s %s, want %s", form, res.Status, body, want)
		}
	}
	res, _ := get(t, issuer, issuer.URL()+"/token")
	if res.StatusCode != http.StatusMethodNotAllowed || res.Header.Get("Allow") != http.MethodPost {
		t.Errorf("a GET gets %s, and may %s", res.Status, res.Header.Get("Allow"))
	}
}

// An issuer grants no tokens unless it was told to.
func TestWithoutATokenEndpointThereIsNone(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	if res, body := ask(t, issuer, "grant_type=client_credentials"); res.StatusCode != http.StatusNotFound || body != "" {
		t.Errorf("%s %s", res.Status, body)
	}
	if _, body := get(t, issuer, issuer.URL()+"/.well-known/openid-configuration"); object(t, []byte(body))["token_endpoint"] != nil {
		t.Errorf("the metadata name one: %s", body)
	}
	with := verifiertest.NewIssuer(verifiertest.WithURL("https://issuer.test/realm/"), verifiertest.WithTokenEndpoint(nil))
	_, body := get(t, with, "https://issuer.test/realm/.well-known/openid-configuration")
	if got := object(t, []byte(body))["token_endpoint"]; got != "https://issuer.test/realm/token" {
		t.Errorf("the metadata name %v", got)
	}
}

func TestTokenEndpointFailsWithTheIssuer(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer(verifiertest.WithTokenEndpoint(nil))
	down := errors.New("down")
	issuer.Fail(down)
	body := &closing{Reader: strings.NewReader("grant_type=client_credentials")}
	req := httptest.NewRequest(http.MethodPost, issuer.URL()+"/token", body)
	if _, err := issuer.RoundTrip(req); !errors.Is(err, down) {
		t.Errorf("RoundTrip: %v", err)
	}
	if !body.closed {
		t.Error("the body is still open")
	}
}

type closing struct {
	io.Reader

	closed bool
}

func (c *closing) Close() error { c.closed = true; return nil }

func TestServerIsAnIssuerOnASocket(t *testing.T) {
	t.Parallel()
	server := verifiertest.NewServer()
	defer server.Close()
	if !strings.HasPrefix(server.URL(), "http://127.0.0.1:") {
		t.Errorf("its URL is %s", server.URL())
	}
	v := newVerifier(t, server.Config())
	if _, err := v.Verify(t.Context(), server.Token(nil)); err != nil {
		t.Errorf("Verify: %v", err)
	}
	if got := server.Fetches(); got != 1 {
		t.Errorf("%d fetches, want 1", got)
	}
	server.Close()
	if _, err := newVerifier(t, server.Config()).Verify(t.Context(), server.Token(nil)); verifier.CodeOf(err) != verifier.CodeJWKSFetchFailed {
		t.Errorf("once it's closed: %v", err)
	}
}

func TestServerCanHaveAnotherName(t *testing.T) {
	t.Parallel()
	server := verifiertest.NewServer(verifiertest.WithURL("http://issuer.test:8080"))
	defer server.Close()
	if got := server.URL(); got != "http://issuer.test:8080" {
		t.Errorf("its URL is %s", got)
	}
}
