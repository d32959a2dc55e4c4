package httpauth_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/interceptor/httpauth"
	"github.com/oidcrpc/oidcrpc/internal/jws"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/dpop"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// A proof names the method and the URL that the client used, not the rule.
func TestProofIsForTheRequestsOwnMethodAndURL(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jws.NewSigner(key, "ES256", "dpop+jwt")
	if err != nil {
		t.Fatal(err)
	}
	issuer := verifiertest.NewIssuer()
	v, err := verifier.New(issuer.Config())
	if err != nil {
		t.Fatal(err)
	}
	auth, err := interceptor.New(v, interceptor.WithPolicy(interceptor.Policy{rule: {}}),
		interceptor.WithDPoP(dpop.Config{Origins: []string{"https://api.example"}, RequireNonce: true}))
	if err != nil {
		t.Fatal(err)
	}
	admitted := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	guarded := httpauth.Middleware(auth, rule)(admitted)
	handler := http.StripPrefix("/api", guarded)
	token := issuer.Token(map[string]any{"cnf": map[string]any{"jkt": signer.Thumbprint()}})
	sum := sha256.Sum256([]byte(token))
	nonce := ""
	send := func(method, target, htm, htu string) *http.Response {
		payload, err := json.Marshal(map[string]any{
			"jti": rand.Text(), "htm": htm, "htu": htu, "iat": time.Now().Unix(), "nonce": nonce,
			"ath": base64.RawURLEncoding.EncodeToString(sum[:]),
		})
		if err != nil {
			t.Fatal(err)
		}
		proof, err := signer.Sign(payload)
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequestWithContext(t.Context(), method, target, nil)
		r.Header.Set("Authorization", "DPoP "+token)
		r.Header.Set("DPoP", proof)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w.Result()
	}
	const target, htu = "/api/orders/7%2F8?page=2", "https://api.example/api/orders/7%2F8"

	first := send(http.MethodPut, target, http.MethodPut, htu)
	if nonce = first.Header.Get("DPoP-Nonce"); first.StatusCode != http.StatusUnauthorized || nonce == "" {
		t.Fatalf("without a nonce: status = %d, nonce %q, want 401 and one", first.StatusCode, nonce)
	}
	if got := first.Header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control beside a nonce = %q, want no-store", got)
	}
	tests := []struct {
		name, method, htm, htu string
		want                   int
	}{
		{"the request's own", http.MethodPut, http.MethodPut, htu, http.StatusOK},
		{"a GET's own", http.MethodGet, http.MethodGet, htu, http.StatusOK},
		{"another method", http.MethodPut, http.MethodPost, htu, http.StatusUnauthorized},
		{"the rule", http.MethodPut, http.MethodPut, "https://api.example" + rule, http.StatusUnauthorized},
		{"without the prefix", http.MethodPut, http.MethodPut, "https://api.example/orders/7%2F8", http.StatusUnauthorized},
		{"another path", http.MethodPut, http.MethodPut, "https://api.example/api/orders/7/8", http.StatusUnauthorized},
	}
	for _, test := range tests {
		if res := send(test.method, target, test.htm, test.htu); res.StatusCode != test.want {
			t.Errorf("%s: status = %d, want %d: %s", test.name, res.StatusCode, test.want, res.Header.Get("WWW-Authenticate"))
		}
	}
	// A proxy's form (RFC 9112, section 3.2.2), whose path is "/" (RFC 9110, section 4.2.3).
	const root = "http://api.example"
	handler = guarded
	if res := send(http.MethodGet, root, http.MethodGet, "https://api.example/"); res.StatusCode != http.StatusOK {
		t.Errorf("a URL without a path, as a slash: status = %d", res.StatusCode)
	}
	res := send(http.MethodGet, root, http.MethodGet, "https://api.example"+rule)
	if res.StatusCode != http.StatusUnauthorized {
		t.Errorf("a URL without a path, as the rule: status = %d", res.StatusCode)
	}
}
