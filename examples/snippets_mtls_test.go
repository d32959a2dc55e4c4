package examples_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/grpcauth"
	"github.com/oidcrpc/oidcrpc/interceptor/client"
)

// docs/client.md: tokens that are bound to a certificate.
func dialWith(certificate tls.Certificate, roots *x509.CertPool, tokenURL, target string) (*grpc.ClientConn, error) {
	show := &tls.Config{Certificates: []tls.Certificate{certificate}, RootCAs: roots}
	config := clientcredentials.Config{ClientID: "shop", TokenURL: tokenURL, AuthStyle: oauth2.AuthStyleInParams}
	endpoint := &http.Client{Transport: &http.Transport{TLSClientConfig: show, DisableKeepAlives: true}}
	tokens := client.NewSource(config.Token, client.WithHTTPClient(endpoint))
	return grpc.NewClient(target,
		grpcauth.ClientOptions(tokens, grpc.WithTransportCredentials(credentials.NewTLS(show)))...)
}

// A vault binds tokens to certificates, and accepts them only with these (RFC 8705, section 3).
type vault struct {
	greetv1.UnimplementedGreetServiceServer

	mu     sync.Mutex
	issued map[string][sha256.Size]byte // thumbprints by token
}

func (v *vault) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v.mu.Lock()
	defer v.mu.Unlock()
	token := fmt.Sprint("token-", len(v.issued))
	v.issued[token] = sha256.Sum256(r.TLS.PeerCertificates[0].Raw)
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, `{"access_token":%q,"token_type":"Bearer","expires_in":300}`, token)
}

func (v *vault) Greet(ctx context.Context, _ *greetv1.GreetRequest) (*greetv1.GreetResponse, error) {
	p, _ := peer.FromContext(ctx)
	certificate := p.AuthInfo.(credentials.TLSInfo).State.PeerCertificates[0]
	md, _ := metadata.FromIncomingContext(ctx)
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.issued[md.Get("authorization")[0][len("Bearer "):]] != sha256.Sum256(certificate.Raw) {
		_ = grpc.SetTrailer(ctx, metadata.Pairs("www-authenticate", `Bearer error="invalid_token"`))
		return nil, status.Error(codes.Unauthenticated, "another certificate's token")
	}
	return &greetv1.GreetResponse{}, nil
}

// serveVault returns the token endpoint's URL, the server's target, and whom to trust.
func serveVault(t *testing.T, v *vault) (tokenURL, target string, roots *x509.CertPool) {
	t.Helper()
	endpoint := httptest.NewUnstartedServer(v)
	endpoint.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	endpoint.StartTLS()
	t.Cleanup(endpoint.Close)
	roots = x509.NewCertPool()
	roots.AddCert(endpoint.Certificate())
	server := grpc.NewServer(grpc.Creds(credentials.NewTLS(&tls.Config{
		Certificates: endpoint.TLS.Certificates, ClientAuth: tls.RequireAnyClientCert,
	})))
	greetv1.RegisterGreetServiceServer(server, v)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var served sync.WaitGroup
	served.Go(func() { _ = server.Serve(listener) })
	t.Cleanup(func() {
		server.Stop()
		served.Wait()
	})
	return endpoint.URL, listener.Addr().String(), roots
}

func TestClientWithACertificateGetsTokensForIt(t *testing.T) {
	v := &vault{issued: make(map[string][sha256.Size]byte)}
	tokenURL, target, roots := serveVault(t, v)
	for range 2 { // the second time with another certificate, as after a rotation
		conn, err := dialWith(newCertificate(t), roots, tokenURL, target)
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if _, err := greetv1.NewGreetServiceClient(conn).Greet(t.Context(), &greetv1.GreetRequest{}); err != nil {
				t.Errorf("Greet: %v", err)
			}
		}
		_ = conn.Close()
	}
	if len(v.issued) != 2 {
		t.Errorf("%d tokens were issued, want one for each certificate", len(v.issued))
	}
}

// What docs/client.md warns of: an open connection goes on to show the certificate it began with.
func TestConnectionThatOutlivesItsCertificateGetsNoTokenForIt(t *testing.T) {
	v := &vault{issued: make(map[string][sha256.Size]byte)}
	tokenURL, target, roots := serveVault(t, v)
	var mu sync.Mutex
	current := newCertificate(t)
	show := &tls.Config{RootCAs: roots, GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		mu.Lock()
		defer mu.Unlock()
		return &current, nil
	}}
	config := clientcredentials.Config{ClientID: "shop", TokenURL: tokenURL, AuthStyle: oauth2.AuthStyleInParams}
	endpoint := &http.Client{Transport: &http.Transport{TLSClientConfig: show, DisableKeepAlives: true}}
	tokens := client.NewSource(config.Token, client.WithHTTPClient(endpoint), client.WithMaxAge(time.Nanosecond))
	conn, err := grpc.NewClient(target, grpcauth.ClientOptions(tokens, grpc.WithTransportCredentials(credentials.NewTLS(show)))...)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	greeter := greetv1.NewGreetServiceClient(conn)
	if _, err := greeter.Greet(t.Context(), &greetv1.GreetRequest{}); err != nil {
		t.Fatalf("Greet: %v", err)
	}
	mu.Lock()
	current = newCertificate(t)
	mu.Unlock()
	for deadline := time.Now().Add(time.Minute); ; { // until a token for the new certificate is sent
		_, err := greeter.Greet(t.Context(), &greetv1.GreetRequest{})
		if refusal, ok := errors.AsType[*client.Refusal](err); ok && refusal.Code == "invalid_token" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("Greet: %v, want a refusal", err)
		}
	}
}

func newCertificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
