package e2e_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// HAProxy ends mutual TLS and passes certificates on, as docs/sender-constrained.md says. To repeat
// it, install HAProxy, and set OIDCRPC_PROXIES=1.
func TestBoundTokensBehindHAProxy(t *testing.T) {
	if os.Getenv("OIDCRPC_PROXIES") == "" {
		t.Skip("OIDCRPC_PROXIES is not set")
	}
	if _, err := exec.LookPath("haproxy"); err != nil {
		t.Skip("haproxy is not installed")
	}
	mine, theirs, server := newCertificate(t), newCertificate(t), newCertificate(t)
	issuer := verifiertest.NewIssuer()
	v, err := verifier.New(issuer.Config())
	if err != nil {
		t.Fatal(err)
	}
	auth, err := interceptor.New(v, interceptor.WithMutualTLS(interceptor.MutualTLS{
		Field: interceptor.ClientCertField, Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
	}))
	if err != nil {
		t.Fatal(err)
	}
	hash := sha256.Sum256(mine.Certificate[0])
	cnf := map[string]any{"x5t#S256": base64.RawURLEncoding.EncodeToString(hash[:])}
	bound, bearer := issuer.Token(map[string]any{"cnf": cnf}), issuer.Token(nil)
	copied := ":" + base64.StdEncoding.EncodeToString(mine.Certificate[0]) + ":"

	front := serveBehindMutualTLS(t, newConnectV2(auth), server, mine, theirs)
	for _, test := range []struct {
		name         string
		certificates []tls.Certificate
		token        string
		fields       []string
		want         codes.Code // an admitted call is Unimplemented
	}{
		{"its certificate", []tls.Certificate{mine}, bound, nil, codes.Unimplemented},
		{"its certificate, and a field of another", []tls.Certificate{mine}, bound, []string{"client-cert", "x"}, codes.Unimplemented},
		{"a thief's certificate", []tls.Certificate{theirs}, bound, nil, codes.Unauthenticated},
		{"a thief's certificate, and a copied field", []tls.Certificate{theirs}, bound, []string{"client-cert", copied}, codes.Unauthenticated},
		{"no certificate", nil, bound, nil, codes.Unauthenticated},
		{"no certificate, and a copied field", nil, bound, []string{"client-cert", copied}, codes.Unauthenticated},
		{"a bearer token", nil, bearer, nil, codes.Unimplemented},
	} {
		conn, err := grpc.NewClient(front, grpc.WithTransportCredentials(credentials.NewTLS(
			&tls.Config{Certificates: test.certificates, InsecureSkipVerify: true})))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		ctx = metadata.AppendToOutgoingContext(ctx, append([]string{"authorization", "Bearer " + test.token}, test.fields...)...)
		_, err = greetv1.NewGreetServiceClient(conn).Greet(ctx, &greetv1.GreetRequest{}, grpc.WaitForReady(true))
		if status.Code(err) != test.want {
			t.Errorf("%s: %v, want %v", test.name, err, test.want)
		}
		cancel()
		_ = conn.Close()
	}
}

// serveBehindMutualTLS serves over HTTP/2 behind HAProxy, and returns HAProxy's address.
func serveBehindMutualTLS(t *testing.T, handler http.Handler, server tls.Certificate, clients ...tls.Certificate) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: handler, Protocols: new(http.Protocols)}
	srv.Protocols.SetUnencryptedHTTP2(true)
	var served sync.WaitGroup
	served.Go(func() { _ = srv.Serve(listener) })
	t.Cleanup(func() {
		_ = srv.Close()
		served.Wait()
	})
	der, err := x509.MarshalPKCS8PrivateKey(server.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	crt := writeFile(t, dir, "server.pem", block("CERTIFICATE", server.Certificate[0])+block("PRIVATE KEY", der))
	authorities := ""
	for _, client := range clients { // they sign themselves
		authorities += block("CERTIFICATE", client.Certificate[0])
	}
	front := freeAddr(t)
	startProxy(t, writeFile(t, dir, "haproxy.cfg", fmt.Sprintf(`defaults
 mode http
 timeout connect 5s
 timeout client 1m
 timeout server 1m
listen l
 bind %s ssl crt %s ca-file %s verify optional alpn h2
 http-request del-header client-cert
 http-request set-header client-cert :%%[ssl_c_der,base64]: if { ssl_c_used }
 server s %s proto h2
`, front, crt, writeFile(t, dir, "clients.pem", authorities), listener.Addr())), "haproxy", "-db", "-f")
	return front
}

func newCertificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	template.Subject.CommonName = template.SerialNumber.String()
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
