package client_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/oidcrpc/oidcrpc/interceptor/client"
)

// documents serves texts by their paths, and says HOST where its own URL belongs.
func documents(t *testing.T, texts map[string]string) string {
	t.Helper()
	var server *httptest.Server
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, ok := texts[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		if to, ok := strings.CutPrefix(text, "redirect "); ok {
			http.Redirect(w, r, to, http.StatusFound)
			return
		}
		_, _ = fmt.Fprint(w, strings.ReplaceAll(text, "HOST", server.URL))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

const metadataPath = "/.well-known/oauth-protected-resource"

var private = &client.Discovery{AllowPrivateAddresses: true}

func TestResourceIsReadFromItsMetadata(t *testing.T) {
	url := documents(t, map[string]string{metadataPath: `{"resource":"https://api.test","extra":[{}],
		"authorization_servers":["https://a.test","https://b.test"],"scopes_supported":["read"],
		"dpop_signing_alg_values_supported":["ES256","PS256"],"dpop_bound_access_tokens_required":true}`})
	r, err := private.Resource(t.Context(), url+metadataPath, "https://api.test")
	if err != nil || !slices.Equal(r.AuthorizationServers, []string{"https://a.test", "https://b.test"}) ||
		!slices.Equal(r.Scopes, []string{"read"}) || !r.DPoPRequired || !slices.Equal(r.DPoPAlgorithms, []string{"ES256", "PS256"}) {
		t.Errorf("Resource = %+v, %v", r, err)
	}
}

func TestMetadataOfAnotherResourceAreNotUsed(t *testing.T) {
	for name, document := range map[string]string{
		"another resource":      `{"resource":"https://api.test/"}`,
		"none":                  `{}`,
		"two":                   `{"resource":"https://other.test","resource":"https://api.test"}`,
		"no text":               `{"resource":["https://api.test"]}`,
		"no document":           `[]`,
		"more after it":         `{"resource":"https://api.test"}{}`,
		"servers no list":       `{"resource":"https://api.test","authorization_servers":"https://a.test"}`,
		"no list of algorithms": `{"resource":"https://api.test","dpop_signing_alg_values_supported":"ES256"}`,
		"no boolean":            `{"resource":"https://api.test","dpop_bound_access_tokens_required":"true"}`,
		"too long":              `{"resource":"https://api.test","x":"` + strings.Repeat("x", 1<<20) + `"}`,
		"elsewhere":             "redirect https://other.test/",
	} {
		url := documents(t, map[string]string{metadataPath: document})
		if r, err := private.Resource(t.Context(), url+metadataPath, "https://api.test"); err == nil {
			t.Errorf("%s: Resource = %+v", name, r)
		}
	}
}

func TestMetadataAreReadFromPublicAddressesOnly(t *testing.T) {
	url := documents(t, map[string]string{
		metadataPath: `{"resource":"https://api.test"}`,
		"/.well-known/oauth-authorization-server": `{"issuer":"HOST","token_endpoint":"HOST/token"}`,
	})
	var public client.Discovery
	if _, err := public.Resource(t.Context(), url+metadataPath, "https://api.test"); err == nil ||
		!strings.Contains(err.Error(), "AllowPrivateAddresses") {
		t.Errorf("Resource: %v, want the field that allows it", err)
	}
	if _, err := public.Endpoint(t.Context(), url); err == nil || !strings.Contains(err.Error(), "AllowPrivateAddresses") {
		t.Errorf("Endpoint: %v, want the field that allows it", err)
	}
}

func TestMetadataAreNotReadInPlaintext(t *testing.T) {
	for _, url := range []string{"http://api.test/x", "file:///etc/passwd", "", "https://user@api.test/"} {
		if _, err := private.Resource(t.Context(), url, "https://api.test"); err == nil || !strings.Contains(err.Error(), "must") {
			t.Errorf("Resource(%q): %v", url, err)
		}
		if _, err := private.Endpoint(t.Context(), url); err == nil || !strings.Contains(err.Error(), "must") {
			t.Errorf("Endpoint(%q): %v", url, err)
		}
	}
}

func TestEndpointIsReadFromTheIssuersMetadata(t *testing.T) {
	const good = `{"issuer":"HOST","token_endpoint":"HOST/token","authorization_endpoint":"https://login.test/",
		"device_authorization_endpoint":"HOST/device"}`
	for _, path := range []string{"/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"} {
		url := documents(t, map[string]string{path: good})
		e, err := private.Endpoint(t.Context(), url)
		if err != nil || e.TokenURL != url+"/token" || e.AuthURL != "https://login.test/" || e.DeviceAuthURL != url+"/device" {
			t.Errorf("%s: Endpoint = %+v, %v", path, e, err)
		}
	}
}

func TestMetadataOfAnotherIssuerAreNotUsed(t *testing.T) {
	for name, document := range map[string]string{
		"another issuer":     `{"issuer":"HOST/","token_endpoint":"HOST/token"}`,
		"none":               `{"token_endpoint":"HOST/token"}`,
		"no token endpoint":  `{"issuer":"HOST"}`,
		"two":                `{"issuer":"HOST","token_endpoint":"HOST/token","token_endpoint":"HOST/other"}`,
		"in plaintext":       `{"issuer":"HOST","token_endpoint":"http://other.test/token"}`,
		"another's login":    `{"issuer":"HOST","token_endpoint":"HOST/token","authorization_endpoint":"javascript:x"}`,
		"a number for a URL": `{"issuer":"HOST","token_endpoint":1}`,
	} {
		url := documents(t, map[string]string{"/.well-known/oauth-authorization-server": document})
		if e, err := private.Endpoint(t.Context(), url); err == nil {
			t.Errorf("%s: Endpoint = %+v", name, e)
		}
	}
}
