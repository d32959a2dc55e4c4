package kubernetes_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/kubernetes"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

const issuerName = "https://kubernetes.default.svc.cluster.local" // where no one listens

// An apiServer publishes an issuer's keys, and writes down who asked for what.
type apiServer struct {
	*httptest.Server

	issuer   *verifiertest.Issuer
	redirect string // "": it answers

	mu   sync.Mutex
	seen []string // Authorization and path
}

func newAPIServer(t *testing.T) *apiServer {
	t.Helper()
	s := &apiServer{issuer: verifiertest.NewIssuer(
		verifiertest.WithURL(issuerName), verifiertest.WithAlgorithms("RS256", "ES256"))}
	s.Server = httptest.NewUnstartedServer(s)
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // handshakes fail
	s.EnableHTTP2 = true
	s.TLS = &tls.Config{Certificates: []tls.Certificate{newAuthority(t)}, MinVersion: tls.VersionTLS12}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func (s *apiServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")+" "+r.URL.Path)
	switch {
	case s.redirect != "":
		http.Redirect(w, r, s.redirect, http.StatusFound)
	case r.URL.Path == "/openid/v1/jwks":
		_, _ = w.Write(s.issuer.JWKS())
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func (s *apiServer) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.seen)
}

// podToken is a token for the API server, as each pod has one.
func (s *apiServer) podToken(claims map[string]any) string {
	all := map[string]any{"aud": []string{issuerName}, "sub": "system:serviceaccount:shop:orders"}
	maps.Copy(all, claims)
	return s.issuer.Token(all)
}

// token is a caller's, for the service orders.
func (s *apiServer) token(options ...verifiertest.TokenOption) string {
	return s.issuer.Token(map[string]any{
		"aud": []string{"orders"}, "sub": "system:serviceaccount:shop:robot",
		"kubernetes.io": map[string]any{"namespace": "shop"},
	}, options...)
}

// cluster returns where the server's files are.
func (s *apiServer) cluster(t *testing.T) kubernetes.Cluster {
	t.Helper()
	dir := t.TempDir()
	c := kubernetes.Cluster{Server: s.URL, CAFile: filepath.Join(dir, "ca.crt"), TokenFile: filepath.Join(dir, "token")}
	write(t, c.CAFile, s.authority())
	write(t, c.TokenFile, s.podToken(nil)+"\n")
	return c
}

func (s *apiServer) authority() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.TLS.Certificates[0].Certificate[0]}))
}

// newAuthority returns a certificate for this host that's an authority, too.
func newAuthority(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func newVerifier(t *testing.T, config verifier.Config) *verifier.Verifier {
	t.Helper()
	config.FetchTimeout = time.Minute // of a busy machine
	v, err := verifier.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return v
}
