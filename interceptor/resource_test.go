package interceptor_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
)

func TestEveryChallengeNamesTheResourceMetadata(t *testing.T) {
	const metadata = `, resource_metadata="https://api.test/.well-known/oauth-protected-resource"`
	tests := []struct {
		name string
		sent []string
		err  error
		want string
	}{
		{"no token", nil, nil, `Bearer realm="api"`},
		{"no request", []string{"Bearer"}, nil, `Bearer realm="api", error="invalid_request"`},
		{"a bad token", []string{"Bearer x"}, &verifier.AuthError{Code: verifier.CodeTokenExpired, Message: "m"},
			`Bearer realm="api", error="invalid_token", error_description="m"`},
		{"a weak token", []string{"Bearer x"}, &verifier.AuthError{Code: verifier.CodeInsufficientScope},
			`Bearer realm="api", error="insufficient_scope"`},
	}
	for _, test := range tests {
		auth := mustNew(t, verifyFunc(func(string) (*verifier.Claims, error) { return nil, test.err }),
			interceptor.WithResourceMetadata(interceptor.ResourceMetadata{Resource: "https://api.test"}))
		_, refusal := auth.Authenticate(t.Context(), interceptor.Call{Procedure: "/a.S/M", Authorization: test.sent})
		if refusal.Challenge != test.want+metadata {
			t.Errorf("%s: challenge = %s, want %s", test.name, refusal.Challenge, test.want+metadata)
		}
		if got := infoOf(t, refusal).GetMetadata()["challenge"]; got != refusal.Challenge {
			t.Errorf("%s: ErrorInfo has another challenge: %s", test.name, got)
		}
	}
}

func TestMetadataIsServedAtItsResourcesWellKnownPath(t *testing.T) {
	tests := []struct{ resource, path string }{
		{"https://api.test", "/.well-known/oauth-protected-resource"},
		{"https://api.test/", "/.well-known/oauth-protected-resource"},
		{"https://api.test:8443/v1", "/.well-known/oauth-protected-resource/v1"},
		{"https://api.test/v1/", "/.well-known/oauth-protected-resource/v1/"},
		{"https://[::1]/orders/v1", "/.well-known/oauth-protected-resource/orders/v1"},
	}
	for _, test := range tests {
		auth := mustNew(t, acceptAll{}, interceptor.WithResourceMetadata(interceptor.ResourceMetadata{
			Resource:             test.resource,
			AuthorizationServers: []string{"https://issuer.test/"},
			Scopes:               []string{"orders:read"},
			Documentation:        "https://docs.test",
		}))
		path, handler := auth.ResourceMetadata()
		if path != test.path {
			t.Errorf("%s: path = %s, want %s", test.resource, path, test.path)
		}
		mux := http.NewServeMux()
		mux.Handle(path, handler)
		res := httptest.NewRecorder()
		mux.ServeHTTP(res, httptest.NewRequest(http.MethodGet, path, nil))
		var document map[string]any
		if err := json.Unmarshal(res.Body.Bytes(), &document); err != nil {
			t.Fatal(err)
		}
		if want := map[string]any{
			"resource":                 test.resource,
			"authorization_servers":    []any{"https://issuer.test/"},
			"scopes_supported":         []any{"orders:read"},
			"bearer_methods_supported": []any{"header"},
			"resource_documentation":   "https://docs.test",
		}; res.Code != http.StatusOK || !reflect.DeepEqual(document, want) {
			t.Errorf("%s: %d %v, want %v", test.resource, res.Code, document, want)
		}
		if got := res.Header().Get("Content-Type"); got != "application/json" {
			t.Errorf("Content-Type = %q", got)
		}
		_, refusal := auth.Authenticate(t.Context(), interceptor.Call{Procedure: "/a.S/M"})
		challenges, err := verifier.ParseChallenges([]string{refusal.Challenge})
		if err != nil {
			t.Fatal(err)
		}
		host := strings.Split(test.resource, "/")[2]
		if got, want := challenges[0].Value("resource_metadata"), "https://"+host+test.path; got != want {
			t.Errorf("resource_metadata = %s, want %s", got, want)
		}
	}
}

func TestMetadataIsServedOnlyToGETAndAtNoOtherPath(t *testing.T) {
	auth := mustNew(t, acceptAll{}, interceptor.WithResourceMetadata(interceptor.ResourceMetadata{
		Resource: "https://api.test/v1/",
	}))
	path, handler := auth.ResourceMetadata()
	none, noHandler := mustNew(t, acceptAll{}).ResourceMetadata()
	mux := http.NewServeMux()
	mux.Handle(path, handler)
	mux.Handle(none, noHandler)
	tests := []struct {
		method, path string
		want         int
	}{
		{http.MethodGet, path, http.StatusOK},
		{http.MethodHead, path, http.StatusOK},
		{http.MethodPost, path, http.StatusMethodNotAllowed},
		{http.MethodGet, path + "more", http.StatusNotFound},
		{http.MethodGet, none, http.StatusNotFound},
	}
	for _, test := range tests {
		res := httptest.NewRecorder()
		mux.ServeHTTP(res, httptest.NewRequest(test.method, test.path, nil))
		if res.Code != test.want {
			t.Errorf("%s %s: status %d, want %d", test.method, test.path, res.Code, test.want)
		}
	}
}

// For development.
func TestResourceOnThisMachineNeedsNoTLS(t *testing.T) {
	for resource, want := range map[string]string{
		"http://localhost:8080/mcp":  "http://localhost:8080/.well-known/oauth-protected-resource/mcp",
		"http://127.0.0.1:8080":      "http://127.0.0.1:8080/.well-known/oauth-protected-resource",
		"http://[::1]:8080/mcp":      "http://[::1]:8080/.well-known/oauth-protected-resource/mcp",
		"https://localhost:8443/mcp": "https://localhost:8443/.well-known/oauth-protected-resource/mcp",
	} {
		auth := mustNew(t, acceptAll{}, interceptor.WithResourceMetadata(interceptor.ResourceMetadata{
			Resource: resource, AuthorizationServers: []string{"http://127.0.0.1:9000"},
		}))
		_, refusal := auth.Authenticate(t.Context(), interceptor.Call{Procedure: "/a.S/M"})
		if want := `Bearer realm="api", resource_metadata="` + want + `"`; refusal.Challenge != want {
			t.Errorf("%s: challenge = %s, want %s", resource, refusal.Challenge, want)
		}
	}
}

// A client in a page asks first, since it sends headers of its own.
func TestPagesOfAnyOriginMayReadTheMetadata(t *testing.T) {
	auth := mustNew(t, acceptAll{}, interceptor.WithResourceMetadata(interceptor.ResourceMetadata{Resource: "https://api.test"}))
	path, handler := auth.ResourceMetadata()
	for method, status := range map[string]int{http.MethodOptions: http.StatusNoContent, http.MethodGet: http.StatusOK} {
		req := httptest.NewRequest(method, path, nil)
		req.Header.Set("Origin", "https://page.test")
		res := httptest.NewRecorder()
		handler.ServeHTTP(res, req)
		if res.Code != status || res.Header().Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: %d %v", method, res.Code, res.Header())
		}
		if got := res.Header().Get("Access-Control-Allow-Headers"); method == http.MethodOptions && got != "*" {
			t.Errorf("headers that may be sent = %q", got)
		}
	}
}

// One verifier, one policy, two resources.
func TestTwoResourcesInOneProcessHaveADocumentEach(t *testing.T) {
	options := []interceptor.Option{interceptor.WithRealm("orders")}
	for _, resource := range []string{"https://api.test", "https://api.test/mcp"} {
		auth := mustNew(t, acceptAll{}, append(options, interceptor.WithResourceMetadata(
			interceptor.ResourceMetadata{Resource: resource}))...)
		path, _ := auth.ResourceMetadata()
		_, refusal := auth.Authenticate(t.Context(), interceptor.Call{Procedure: "/a.S/M"})
		want := `Bearer realm="orders", resource_metadata="https://api.test` + path + `"`
		if refusal.Challenge != want || strings.TrimPrefix(resource, "https://api.test") !=
			strings.TrimPrefix(path, "/.well-known/oauth-protected-resource") {
			t.Errorf("%s: challenge = %s, want %s", resource, refusal.Challenge, want)
		}
	}
}

func TestNewRefusesBadResourceMetadata(t *testing.T) {
	for _, resource := range []string{
		"", "api.test", "api", "http://api.test", "http://10.0.0.1", "http://localhost.test", "http://:80", "ftp://localhost", "https://", "https://:443", "https://api.test:", "https:///v1", "HTTPS://api.test", "https:api.test",
		"https://api.test?x", "https://api.test?", "https://api.test#x", "https://api.test#", "https://user@api.test",
		"https://api.test/a b", "https://api.test/%41", "https://api.test/{x}", "https://api.test/caf\u00e9", "https://caf\u00e9.test",
		"https://api.test/..", "https://api.test/.", "https://api.test/a/../b", "https://api.test//", "https://api.test//a", "https://api.test/a//",
		"https://api.test/\"", "https://api.test/\\", "https://api.test/\r\nx: y", "https://a\"b.test", " https://api.test",
	} {
		_, err := interceptor.New(acceptAll{}, interceptor.WithResourceMetadata(interceptor.ResourceMetadata{Resource: resource}))
		if err == nil {
			t.Errorf("Resource %q was accepted", resource)
		} else if !strings.Contains(err.Error(), "ResourceMetadata.Resource") {
			t.Errorf("the error %q does not name the field", err)
		}
	}
	for _, issuer := range []string{"", "issuer.test", "http://issuer.test", "https://", "http://"} {
		_, err := interceptor.New(acceptAll{}, interceptor.WithResourceMetadata(interceptor.ResourceMetadata{
			Resource: "https://api.test", AuthorizationServers: []string{issuer},
		}))
		if err == nil || !strings.Contains(err.Error(), "ResourceMetadata.AuthorizationServers") {
			t.Errorf("issuer %q: %v", issuer, err)
		}
	}
}

// RFC 9728, section 2: tls_client_certificate_bound_access_tokens.
func TestMetadataSaysWhetherTokensMayBeBoundToACertificate(t *testing.T) {
	metadata := interceptor.WithResourceMetadata(interceptor.ResourceMetadata{Resource: "https://api.test"})
	for name, test := range map[string]struct {
		options []interceptor.Option
		want    any
	}{
		"without the option":    {[]interceptor.Option{metadata}, nil},
		"with the option":       {[]interceptor.Option{interceptor.WithMutualTLS(interceptor.MutualTLS{}), metadata}, true},
		"in the other order":    {[]interceptor.Option{metadata, interceptor.WithMutualTLS(interceptor.MutualTLS{})}, true},
		"without it, yet again": {[]interceptor.Option{metadata}, nil},
	} {
		path, handler := mustNew(t, new(verifier.Verifier), test.options...).ResourceMetadata()
		res := httptest.NewRecorder()
		handler.ServeHTTP(res, httptest.NewRequest(http.MethodGet, path, nil))
		var document map[string]any
		if err := json.Unmarshal(res.Body.Bytes(), &document); err != nil {
			t.Fatal(err)
		}
		if got := document["tls_client_certificate_bound_access_tokens"]; got != test.want {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}
