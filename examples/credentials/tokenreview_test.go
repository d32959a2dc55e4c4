package credentials_test

import (
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/oidcrpc/oidcrpc/examples/credentials"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/kubernetes"
)

// newCluster returns an API server as a TokenReview sees it. The package internal/issuers tests
// with Kubernetes' own code.
func newCluster(t *testing.T, status func(token string) (int, string)) credentials.TokenReview {
	t.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var review struct {
			APIVersion string `json:"apiVersion"`
			Kind       string `json:"kind"`
			Spec       struct {
				Token     string   `json:"token"`
				Audiences []string `json:"audiences"`
			} `json:"spec"`
		}
		if err := json.NewDecoder(r.Body).Decode(&review); err != nil ||
			r.Method != http.MethodPost || r.URL.Path != "/apis/authentication.k8s.io/v1/tokenreviews" ||
			r.Header.Get("Content-Type") != "application/json" || r.Header.Get("Authorization") != "Bearer own" ||
			review.APIVersion != "authentication.k8s.io/v1" || review.Kind != "TokenReview" ||
			!slices.Equal(review.Spec.Audiences, []string{"orders"}) {
			t.Errorf("%s %s, %v: %+v, %v", r.Method, r.URL, r.Header, review, err)
		}
		code, body := status(review.Spec.Token)
		w.WriteHeader(code)
		_, _ = w.Write([]byte(`{"status":` + body + `}`))
	}))
	t.Cleanup(server.Close)
	dir := t.TempDir()
	authority, token := filepath.Join(dir, "ca.crt"), filepath.Join(dir, "token")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	for file, text := range map[string][]byte{authority: text, token: []byte("own\n")} {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	client, err := kubernetes.Cluster{Server: server.URL, CAFile: authority, TokenFile: token}.Client()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	return credentials.TokenReview{Server: server.URL, Audience: "orders", Client: client}
}

func TestTokenReviewReturnsTheUser(t *testing.T) {
	cluster := newCluster(t, func(token string) (int, string) {
		if token != "good" {
			t.Errorf("the cluster is asked about %q", token)
		}
		return http.StatusCreated, `{"authenticated":true,"audiences":["orders"],
			"user":{"username":"system:serviceaccount:shop:robot","groups":["system:serviceaccounts:shop"]}}`
	})
	claims, err := cluster.Verify(t.Context(), "good")
	if err != nil {
		t.Fatal(err)
	}
	if claims.Subject() != "system:serviceaccount:shop:robot" || claims.Issuer() != cluster.Server ||
		!claims.HasPermission("system:serviceaccounts:shop") || !claims.Expiry().IsZero() {
		t.Errorf("the claims are %v: %q, %q", claims, claims.Subject(), claims.Permissions())
	}
}

func TestTokenReviewTellsARefusalFromAnOutage(t *testing.T) {
	for name, test := range map[string]struct {
		code   int
		status string
		want   verifier.Code
	}{
		"a refusal":                   {http.StatusCreated, `{"audiences":["orders"],"error":"expired"}`, verifier.CodeInvalidToken},
		"a server without audiences":  {http.StatusCreated, `{"authenticated":true,"user":{"username":"robot"}}`, verifier.CodeInvalidToken},
		"a token for another service": {http.StatusCreated, `{"authenticated":true,"audiences":["shop"]}`, verifier.CodeInvalidToken},
		"no answer":                   {http.StatusInternalServerError, `{}`, verifier.CodeIntrospectionFailed},
		"a redirect":                  {http.StatusTemporaryRedirect, `{}`, verifier.CodeIntrospectionFailed},
		"our own account not let in":  {http.StatusForbidden, `{"authenticated":true,"audiences":["orders"]}`, verifier.CodeIntrospectionFailed},
		"something else than JSON":    {http.StatusCreated, `<html>`, verifier.CodeIntrospectionFailed},
	} {
		cluster := newCluster(t, func(string) (int, string) { return test.code, test.status })
		if claims, err := cluster.Verify(t.Context(), "token"); verifier.CodeOf(err) != test.want || claims != nil {
			t.Errorf("%s: %v, %v; want %s", name, claims, err, test.want)
		}
	}
}
