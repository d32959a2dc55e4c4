package issuers_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	transport "google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/oidcrpc/oidcrpc/examples/greet"
	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/introspection"
)

// A token that oidc-provider binds to a client's certificate is that client's alone, over every
// stack, whether it's a JWT or opaque.
func TestCertificateBoundTokensOfOIDCProvider(t *testing.T) {
	needs(t, "node", "npm")
	server, mine, theirs := newCertificate(t), newCertificate(t), newCertificate(t)
	for format, judge := range map[string]func(*testing.T, string, *http.Client) interceptor.TokenVerifier{
		"jwt": func(t *testing.T, issuer string, client *http.Client) interceptor.TokenVerifier {
			return newVerifier(t, verifier.Config{
				Issuer: issuer, Audiences: []string{audience}, FAPI2: true, HTTPClient: client,
			})
		},
		"opaque": func(t *testing.T, issuer string, client *http.Client) interceptor.TokenVerifier {
			v, err := introspection.New(introspection.Config{
				Issuer: issuer, Audiences: []string{audience}, HTTPClient: client,
				Client:  introspection.SecretBasic{ClientID: "orders", Secret: "secret"},
				Require: verifier.Requirement{Bound: true},
			})
			if err != nil {
				t.Fatal(err)
			}
			return v
		},
	} {
		t.Run(format, func(t *testing.T) {
			issuer, trusting := mutualOIDCProvider(t, format, server)
			order := url.Values{"resource": {audience}, "scope": {"orders:read"}}
			token := grant(t, trusting(mine), issuer+"/token", order)
			v := judge(t, issuer, trusting())
			auth, err := interceptor.New(v, interceptor.WithMutualTLS(interceptor.MutualTLS{}))
			if err != nil {
				t.Fatal(err)
			}
			plain, err := interceptor.New(v)
			if err != nil {
				t.Fatal(err)
			}
			for name, serve := range mutualStacks(server) {
				t.Run(name, func(t *testing.T) {
					address := serve(t, auth, true)
					for range 2 { // also once the token is remembered
						wantAll(t, address, presenting(mine), token, codes.OK, "its certificate is presented")
						wantAll(t, address, presenting(theirs), token, codes.Unauthenticated, "a thief presents another one")
					}
					wantAll(t, address, presenting(), token, codes.Unauthenticated, "a thief presents none")
					wantAll(t, serve(t, auth, false), insecure.NewCredentials(), token, codes.Unauthenticated, "there is no TLS")
					wantAll(t, serve(t, plain, true), presenting(mine), token, codes.Unauthenticated,
						"it's taken for a bearer token, without the option")
				})
			}
		})
	}
}

// mutualOIDCProvider also returns a function that makes clients for it, which present certificates.
func mutualOIDCProvider(
	t *testing.T, format string, server tls.Certificate,
) (issuer string, trusting func(...tls.Certificate) *http.Client) {
	t.Helper()
	dir := installOIDCProvider(t)
	address := freeAddress(t)
	issuer = "https://" + address
	files := t.TempDir()
	keys, certificate, key := filepath.Join(files, "keys.json"), filepath.Join(files, "cert.pem"), filepath.Join(files, "key.pem")
	writeKeys(t, keys, []map[string]string{newKey(t, "key-0")})
	der, err := x509.MarshalPKCS8PrivateKey(server.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate[0]}))
	writeFile(t, key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	trusting = func(certificates ...tls.Certificate) *http.Client {
		roots := x509.NewCertPool()
		roots.AddCert(server.Leaf)
		client := newClient()
		client.Transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: certificates}}
		t.Cleanup(client.CloseIdleConnections)
		return client
	}
	_, port, _ := net.SplitHostPort(address)
	p := &process{
		command: func() *exec.Cmd {
			cmd := exec.Command("node", "mutual-tls.mjs", port, issuer, keys, format, certificate, key)
			cmd.Dir = dir
			return cmd
		},
		probe:  issuer + "/.well-known/openid-configuration",
		client: trusting(),
	}
	p.start(t)
	t.Cleanup(func() { p.stop(t) })
	return issuer, trusting
}

// newCertificate returns one that it signs itself.
func newCertificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// mutualStacks returns functions that serve the service, with TLS or without, and return its
// address.
func mutualStacks(certificate tls.Certificate) map[string]func(*testing.T, *interceptor.Authenticator, bool) string {
	config := &tls.Config{Certificates: []tls.Certificate{certificate}, ClientAuth: tls.RequestClientCert}
	over := func(
		handler func(*interceptor.Authenticator) http.Handler,
	) func(*testing.T, *interceptor.Authenticator, bool) string {
		return func(t *testing.T, auth *interceptor.Authenticator, isSecure bool) string {
			server := &http.Server{Handler: handler(auth), TLSConfig: config.Clone(), Protocols: new(http.Protocols)}
			server.Protocols.SetHTTP2(true)
			server.Protocols.SetUnencryptedHTTP2(true)
			return listenAndServe(t, func(listener net.Listener) error {
				if isSecure {
					return server.ServeTLS(listener, "", "")
				}
				return server.Serve(listener)
			}, func() { _ = server.Close() })
		}
	}
	return map[string]func(*testing.T, *interceptor.Authenticator, bool) string{
		"grpc-go Serve": func(t *testing.T, auth *interceptor.Authenticator, isSecure bool) string {
			creds := insecure.NewCredentials()
			if isSecure {
				creds = transport.NewTLS(config)
			}
			server := greet.NewGRPCServer(auth, grpc.Creds(creds))
			return listenAndServe(t, server.Serve, server.Stop)
		},
		"grpc-go ServeHTTP": over(func(auth *interceptor.Authenticator) http.Handler { return greet.NewGRPCServer(auth) }),
		"Connect v1":        over(greet.NewConnectV1Handler),
		"Connect v2":        over(greet.NewConnectHandler),
	}
}

func listenAndServe(t *testing.T, serve func(net.Listener) error, stop func()) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var served sync.WaitGroup
	served.Go(func() { _ = serve(listener) })
	t.Cleanup(func() {
		stop()
		served.Wait()
	})
	return listener.Addr().String()
}

// presenting returns credentials with these certificates. Whose the server's is doesn't matter.
func presenting(certificates ...tls.Certificate) transport.TransportCredentials {
	return transport.NewTLS(&tls.Config{Certificates: certificates, InsecureSkipVerify: true})
}

// wantAll makes a call of each kind.
func wantAll(
	t *testing.T, address string, creds transport.TransportCredentials, token string, want codes.Code, because string,
) {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(creds))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
	calls := greetv1.NewGreetServiceClient(conn)
	_, unary := calls.Greet(ctx, &greetv1.GreetRequest{Name: "Ada"})
	watch := func() error {
		stream, err := calls.Watch(ctx, &greetv1.WatchRequest{Name: "Ada"})
		if err == nil {
			_, err = stream.Recv()
		}
		return err
	}
	collect := func() error {
		stream, err := calls.Collect(ctx)
		if err == nil {
			_ = stream.Send(&greetv1.CollectRequest{Name: "Ada"}) // its error is io.EOF, and CloseAndRecv knows more
			_, err = stream.CloseAndRecv()
		}
		return err
	}
	converse := func() error {
		stream, err := calls.Converse(ctx)
		if err == nil {
			_ = stream.Send(&greetv1.ConverseRequest{Name: "Ada"})
			_, err = stream.Recv()
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		return err
	}
	for kind, err := range map[string]error{"unary": unary, "Watch": watch(), "Collect": collect(), "Converse": converse()} {
		if status.Code(err) != want {
			t.Errorf("%s, %s: %v, want %v", because, kind, err, want)
		}
	}
	if want != codes.OK && !strings.Contains(unary.Error(), "the token") && !strings.Contains(unary.Error(), "bound to") {
		t.Errorf("%s: %v, want it to speak of the token", because, unary)
	}
}
