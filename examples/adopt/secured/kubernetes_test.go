package main

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/kubernetes"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// The API server stands in for a cluster's, and has its keys.
func TestTokensOfTheClusterCount(t *testing.T) {
	const name = "https://kubernetes.default.svc.cluster.local"
	issuer := verifiertest.NewIssuer(verifiertest.WithURL(name))
	api := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/openid/v1/jwks" && r.Header.Get("Authorization") != "" {
			_, _ = w.Write(issuer.JWKS())
		}
	}))
	defer api.Close()
	dir := t.TempDir()
	cluster := kubernetes.Cluster{
		Server: api.URL, CAFile: filepath.Join(dir, "ca.crt"), TokenFile: filepath.Join(dir, "token"),
	}
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: api.Certificate().Raw})
	for file, text := range map[string]string{
		cluster.CAFile:    string(authority),
		cluster.TokenFile: issuer.Token(map[string]any{"aud": []string{name}}),
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	v, err := newClusterVerifier(cluster)
	if err != nil {
		t.Fatal(err)
	}
	const account = "system:serviceaccount:shop:robot"
	claims, err := v.Verify(timely(t), issuer.Token(map[string]any{"aud": "greet", "sub": account}))
	if err != nil || claims.Subject() != account {
		t.Errorf("a caller's token: %v, %v", claims, err)
	}
	if _, err := v.Verify(timely(t), issuer.Token(nil)); verifier.CodeOf(err) != verifier.CodeInvalidAudience {
		t.Errorf("another service's token: %v", err)
	}
	if _, err := newClusterVerifier(kubernetes.Cluster{}); err == nil {
		t.Error("outside a cluster there's a verifier")
	}
}
