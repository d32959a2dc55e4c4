package issuers_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/kubernetes"
)

var kubernetesSources = map[string]string{"go.mod": "go.mod.txt", "main.go": "main.go", "reviews.go": "reviews.go"}

// The API server's own code answers, with the certificate of the cluster's authority. It's
// strict about Accept: keys are application/jwk-set+json and nothing else.
func TestKubernetes(t *testing.T) {
	needs(t, "go")
	source := workshop(t, "kubernetes", kubernetesSources)
	build(t, source, "cluster", ".")
	for _, alg := range []string{"RS256", "ES256"} {
		t.Run(alg, func(t *testing.T) {
			product := cluster(t, filepath.Join(source, "cluster"), alg)
			product.tell(t)
			product.config = inCluster(t, product)
			product.tell(t)
			wantNotAcceptable(t, product, "/openid/v1/jwks", "application/json")
			wantNotAcceptable(t, product, "/.well-known/openid-configuration", "application/jwk-set+json")
		})
	}
}

// inCluster returns what a pod in the cluster gets by one call.
func inCluster(t *testing.T, p *product) verifier.Config {
	t.Helper()
	file, issuer := filepath.Join(t.TempDir(), "token"), p.config.Issuer
	writeFile(t, file, call(t, p.client, http.MethodPost, issuer+"/token?account=orders&audience="+issuer, "", ""))
	config, err := kubernetes.Cluster{Server: issuer, CAFile: p.authority, TokenFile: file}.Config(audience)
	if err != nil {
		t.Fatal(err)
	}
	config.Require.Permissions = []string{"shop"}
	return config
}

// wantNotAcceptable shows that the server is strict, or the test would show little.
func wantNotAcceptable(t *testing.T, p *product, path, accept string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.config.Issuer+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", accept)
	res, err := p.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusNotAcceptable {
		t.Errorf("GET %s as %s: status %d, want 406", path, accept, res.StatusCode)
	}
}

func cluster(t *testing.T, program, alg string) *product {
	t.Helper()
	dir, address := t.TempDir(), freeAddress(t)
	issuer := "https://" + address
	certificate, key := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	client := newClient()
	client.Transport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: newAuthority(t, certificate, key)}
	var listed []string
	rotate := func(t *testing.T) {
		t.Helper()
		file := filepath.Join(dir, "account-"+strconv.Itoa(len(listed))+".key")
		writeAccountKey(t, file, alg)
		listed = slices.Insert(listed, 0, file)
	}
	rotate(t)
	p := &process{
		command: func() *exec.Cmd {
			return exec.Command(program, append([]string{address, issuer, certificate, key}, listed...)...)
		},
		probe:  issuer + "/.well-known/openid-configuration",
		client: client,
	}
	p.start(t)
	t.Cleanup(func() { p.stop(t) })
	return &product{
		process:   p,
		authority: certificate,
		config: verifier.Config{
			Issuer: issuer, Audiences: []string{audience}, Algorithms: []string{alg},
			PermissionsClaim: "/kubernetes.io/namespace",
			Require:          verifier.Requirement{Permissions: []string{"shop"}},
			HTTPClient:       client,
		},
		token: func(t *testing.T) string {
			return string(call(t, client, http.MethodPost, issuer+"/token?audience="+audience, "", ""))
		},
		rotate:   func(t *testing.T) { rotate(t); p.restart(t) },
		withdraw: func(t *testing.T) { listed = listed[:1]; p.restart(t) },
		listsOld: true,
	}
}

// newAuthority writes a certificate for this host and its key, and returns the authority to trust.
func newAuthority(t *testing.T, certificate, keyFile string) *x509.CertPool {
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
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	writeFile(t, certificate, text)
	writePrivateKey(t, keyFile, key)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	return pool
}

func writeAccountKey(t *testing.T, file, alg string) {
	t.Helper()
	var key any
	var err error
	if alg == "ES256" {
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	} else {
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		t.Fatal(err)
	}
	writePrivateKey(t, file, key)
}

func writePrivateKey(t *testing.T, file string, key any) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}
