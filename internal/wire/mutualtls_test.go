package wire_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	connectv2 "connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	transport "google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/oidcrpc/oidcrpc/connectauth"
	connectauthv2 "github.com/oidcrpc/oidcrpc/connectauth/v2"
	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connect"
	"github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connectv2"
	"github.com/oidcrpc/oidcrpc/grpcauth"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// A stack serves the service, which implements nothing: an admitted call is Unimplemented.
type stack struct {
	name    string
	handler func(*interceptor.Authenticator) http.Handler // nil: grpc-go's own server
	hides   bool                                          // the connection, from its interceptors
}

func stacks() []stack {
	v1 := func(auth *interceptor.Authenticator) http.Handler {
		mux := http.NewServeMux()
		mux.Handle(greetv1connect.NewGreetServiceHandler(greetv1connect.UnimplementedGreetServiceHandler{},
			connect.WithInterceptors(connectauth.NewInterceptor(auth))))
		return mux
	}
	v2 := func(auth *interceptor.Authenticator) http.Handler {
		server := connectv2.NewServer(connectauthv2.NewServerInterceptor(auth))
		greetv1connectv2.RegisterGreetServiceHandler(server, greetv1connectv2.UnimplementedGreetServiceHandler{})
		mux := http.NewServeMux()
		connecthttp.Mount(mux, server)
		return mux
	}
	return []stack{
		{"grpc-go Serve", nil, false},
		{"grpc-go ServeHTTP", func(auth *interceptor.Authenticator) http.Handler { return newEmptyGRPC(auth) }, false},
		{"v1", v1, true},
		{"v1, behind middleware", func(auth *interceptor.Authenticator) http.Handler {
			return connectauth.NewMiddleware(auth).Wrap(v1(auth))
		}, false},
		{"v2", v2, false},
		{"v2, behind middleware", func(auth *interceptor.Authenticator) http.Handler {
			return connectauthv2.NewMiddleware(auth).Wrap(v2(auth))
		}, false},
	}
}

func newEmptyGRPC(auth *interceptor.Authenticator, options ...grpc.ServerOption) *grpc.Server {
	server := grpc.NewServer(append(options, grpcauth.ServerOptions(auth)...)...)
	greetv1.RegisterGreetServiceServer(server, greetv1.UnimplementedGreetServiceServer{})
	return server
}

// serve serves until the test ends. Without a config it's plaintext.
func (s stack) serve(t *testing.T, auth *interceptor.Authenticator, listener net.Listener, config *tls.Config) {
	t.Helper()
	var served sync.WaitGroup
	t.Cleanup(served.Wait)
	if s.handler == nil {
		var options []grpc.ServerOption
		if config != nil {
			options = append(options, grpc.Creds(transport.NewTLS(config)))
		}
		server := newEmptyGRPC(auth, options...)
		served.Go(func() { _ = server.Serve(listener) })
		t.Cleanup(server.Stop)
		return
	}
	server := &http.Server{Handler: s.handler(auth), TLSConfig: config, Protocols: new(http.Protocols)}
	server.Protocols.SetHTTP2(true)
	server.Protocols.SetUnencryptedHTTP2(true)
	served.Go(func() {
		if config != nil {
			_ = server.ServeTLS(listener, "", "")
			return
		}
		_ = server.Serve(listener)
	})
	t.Cleanup(func() { _ = server.Close() })
}

func listen(t *testing.T, network, address string) net.Listener {
	t.Helper()
	listener, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	return listener
}

// newCertificate returns one that it signs itself, as RFC 8705, section 2.2, allows.
func newCertificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"greet.test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// A mutual is a client that presents a certificate, or none, and sends fields.
type mutual struct {
	conn   *grpc.ClientConn
	fields []string
}

func dialMutual(t *testing.T, target string, creds transport.TransportCredentials, fields ...string) mutual {
	t.Helper()
	conn, err := grpc.NewClient(target, grpc.WithTransportCredentials(creds))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return mutual{conn, fields}
}

// presenting returns credentials with these certificates. Whose the server's is doesn't matter.
func presenting(certificates ...tls.Certificate) transport.TransportCredentials {
	//nolint:gosec // as above
	return transport.NewTLS(&tls.Config{Certificates: certificates, InsecureSkipVerify: true})
}

// call makes a call of each kind, and returns their codes.
func (m mutual) calls(t *testing.T, token string) map[kind]codes.Code {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ctx = metadata.AppendToOutgoingContext(ctx, append([]string{"authorization", "Bearer " + token}, m.fields...)...)
	client := greetv1.NewGreetServiceClient(m.conn)
	_, err := client.Greet(ctx, &greetv1.GreetRequest{})
	seen := map[kind]codes.Code{unary: status.Code(err)}
	if watch, err := client.Watch(ctx, &greetv1.WatchRequest{}); err != nil {
		seen[serverStream] = status.Code(err)
	} else {
		_, err := watch.Recv()
		seen[serverStream] = status.Code(err)
	}
	if collect, err := client.Collect(ctx); err != nil {
		seen[clientStream] = status.Code(err)
	} else {
		_, err := collect.CloseAndRecv()
		seen[clientStream] = status.Code(err)
	}
	if converse, err := client.Converse(ctx); err != nil {
		seen[bidiStream] = status.Code(err)
	} else {
		_, err := converse.Recv()
		seen[bidiStream] = status.Code(err)
	}
	return seen
}

func wantCodes(t *testing.T, name string, got map[kind]codes.Code, want codes.Code) {
	t.Helper()
	for _, kind := range allKinds {
		if got[kind] != want {
			t.Errorf("%s, %s: %v, want %v", name, kind, got[kind], want)
		}
	}
}

// newMutualAuth returns an authenticator, and a token that is bound to a certificate.
func newMutualAuth(
	t *testing.T, config interceptor.MutualTLS, certificate tls.Certificate,
) (auth *interceptor.Authenticator, token, bearer string) {
	t.Helper()
	issuer := verifiertest.NewIssuer()
	v, err := verifier.New(issuer.Config())
	if err != nil {
		t.Fatal(err)
	}
	if auth, err = interceptor.New(v, interceptor.WithMutualTLS(config)); err != nil {
		t.Fatal(err)
	}
	hash := sha256.Sum256(certificate.Certificate[0])
	cnf := map[string]any{"x5t#S256": base64.RawURLEncoding.EncodeToString(hash[:])}
	return auth, issuer.Token(map[string]any{"cnf": cnf}), issuer.Token(nil)
}

func TestEveryPathAsksForTheCertificateOfABoundToken(t *testing.T) {
	mine, theirs, server := newCertificate(t), newCertificate(t), newCertificate(t)
	auth, token, bearer := newMutualAuth(t, interceptor.MutualTLS{}, mine)
	config := &tls.Config{Certificates: []tls.Certificate{server}, ClientAuth: tls.RequestClientCert}
	for _, stack := range stacks() {
		t.Run(stack.name, func(t *testing.T) {
			listener := listen(t, "tcp", "127.0.0.1:0")
			stack.serve(t, auth, listener, config.Clone())
			addr := listener.Addr().String()
			admitted := codes.Unimplemented
			if stack.hides {
				admitted = codes.Unauthenticated // it can't tell
			}
			owner := dialMutual(t, addr, presenting(mine))
			thief := dialMutual(t, addr, presenting(theirs))
			for range 2 { // also once the token is remembered
				wantCodes(t, "its certificate", owner.calls(t, token), admitted)
				wantCodes(t, "a thief's certificate", thief.calls(t, token), codes.Unauthenticated)
			}
			wantCodes(t, "no certificate", dialMutual(t, addr, presenting()).calls(t, token), codes.Unauthenticated)
			copied := base64.StdEncoding.EncodeToString(mine.Certificate[0])
			forged := dialMutual(t, addr, presenting(theirs), "client-cert", ":"+copied+":")
			wantCodes(t, "a copy in a field", forged.calls(t, token), codes.Unauthenticated)
			wantCodes(t, "a bearer token", dialMutual(t, addr, presenting()).calls(t, bearer), codes.Unimplemented)

			plain := listen(t, "tcp", "127.0.0.1:0")
			stack.serve(t, auth, plain, nil)
			open := dialMutual(t, plain.Addr().String(), insecure.NewCredentials())
			wantCodes(t, "no TLS", open.calls(t, token), codes.Unauthenticated)
		})
	}
}

// fieldsOf returns what a proxy passes on for a client with this certificate.
func fieldsOf(field interceptor.CertificateField, certificate tls.Certificate) []string {
	name := strings.ToLower(field.String())
	if field == interceptor.EnvoyField {
		hash := sha256.Sum256(certificate.Certificate[0])
		return []string{name, `By=spiffe://proxy;Hash=` + hex.EncodeToString(hash[:]) + `;Subject="CN=client"`}
	}
	return []string{name, ":" + base64.StdEncoding.EncodeToString(certificate.Certificate[0]) + ":"}
}

func TestEveryPathBelievesItsProxiesAlone(t *testing.T) {
	mine, theirs := newCertificate(t), newCertificate(t)
	here, elsewhere := netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8")
	for _, field := range []interceptor.CertificateField{interceptor.ClientCertField, interceptor.EnvoyField} {
		owner, thief := fieldsOf(field, mine), fieldsOf(field, theirs)
		for _, stack := range stacks() {
			t.Run(field.String()+"/"+stack.name, func(t *testing.T) {
				serve := func(config interceptor.MutualTLS, network, address string) (target, token, bearer string) {
					config.Field = field
					auth, token, bearer := newMutualAuth(t, config, mine)
					listener := listen(t, network, address)
					stack.serve(t, auth, listener, nil)
					if network == "unix" {
						return "unix:" + address, token, bearer
					}
					return listener.Addr().String(), token, bearer
				}
				calls := func(target, token string, fields ...string) map[kind]codes.Code {
					return dialMutual(t, target, insecure.NewCredentials(), fields...).calls(t, token)
				}

				target, token, bearer := serve(interceptor.MutualTLS{Proxies: []netip.Prefix{here}}, "tcp", "127.0.0.1:0")
				wantCodes(t, "its certificate", calls(target, token, owner...), codes.Unimplemented)
				wantCodes(t, "a thief's", calls(target, token, thief...), codes.Unauthenticated)
				wantCodes(t, "a thief's, behind its own field", calls(target, token, slices.Concat(owner, thief)...), codes.Unauthenticated)
				wantCodes(t, "none", calls(target, token), codes.Unauthenticated)
				wantCodes(t, "a bearer token", calls(target, bearer, thief...), codes.Unimplemented)

				target, token, bearer = serve(interceptor.MutualTLS{Proxies: []netip.Prefix{elsewhere}, UnixProxy: true}, "tcp", "127.0.0.1:0")
				wantCodes(t, "from elsewhere", calls(target, token, owner...), codes.Unauthenticated)
				wantCodes(t, "a bearer token from elsewhere", calls(target, bearer, owner...), codes.Unimplemented)

				socket := filepath.Join(t.TempDir(), "s")
				target, token, _ = serve(interceptor.MutualTLS{UnixProxy: true}, "unix", socket)
				want := codes.Unimplemented
				if stack.hides {
					want = codes.Unauthenticated // it can't tell
				}
				wantCodes(t, "its certificate, on a Unix socket", calls(target, token, owner...), want)
				wantCodes(t, "a thief's, on a Unix socket", calls(target, token, thief...), codes.Unauthenticated)

				socket = filepath.Join(t.TempDir(), "s")
				target, token, _ = serve(interceptor.MutualTLS{Proxies: []netip.Prefix{here}}, "unix", socket)
				wantCodes(t, "on a Unix socket that isn't named", calls(target, token, owner...), codes.Unauthenticated)
			})
		}
	}
}

// In process there is no connection to prove anything.
func TestBoundTokenIsRefusedInProcess(t *testing.T) {
	mine := newCertificate(t)
	auth, token, bearer := newMutualAuth(t, interceptor.MutualTLS{}, mine)
	server := newConnectV2(auth)
	client := dialInProcess(t, server)
	for token, want := range map[string]codes.Code{token: codes.Unauthenticated, bearer: codes.OK} {
		if got := perform(t, client, call{kind: unary, authorization: []string{"Bearer " + token}, script: answers}); got.code != want {
			t.Errorf("%v, want %v", got.code, want)
		}
	}
}

// A stream lives on with its connection, and ends with it.
func TestStreamOfABoundTokenEndsWithItsConnection(t *testing.T) {
	mine := newCertificate(t)
	auth, token, _ := newMutualAuth(t, interceptor.MutualTLS{}, mine)
	ended := make(chan error, 1)
	server := grpc.NewServer(append(grpcauth.ServerOptions(auth), grpc.Creds(transport.NewTLS(&tls.Config{
		Certificates: []tls.Certificate{newCertificate(t)}, ClientAuth: tls.RequireAnyClientCert,
	})))...)
	greetv1.RegisterGreetServiceServer(server, endless{ended: ended})
	listener := listen(t, "tcp", "127.0.0.1:0")
	var served sync.WaitGroup
	served.Go(func() { _ = server.Serve(listener) })
	t.Cleanup(served.Wait)
	t.Cleanup(server.Stop)
	client := dialMutual(t, listener.Addr().String(), presenting(mine))
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+token)
	stream, err := greetv1.NewGreetServiceClient(client.conn).Converse(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&greetv1.ConverseRequest{}); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	_ = client.conn.Close()
	select {
	case err := <-ended:
		if err == nil || errors.Is(err, io.EOF) {
			t.Errorf("the stream ended with %v", err)
		}
	case <-time.After(patience):
		t.Error("the stream outlives its connection")
	}
}

type endless struct {
	greetv1.UnimplementedGreetServiceServer

	ended chan<- error
}

func (e endless) Converse(stream grpc.BidiStreamingServer[greetv1.ConverseRequest, greetv1.ConverseResponse]) error {
	for {
		if _, err := stream.Recv(); err != nil {
			e.ended <- err
			return err
		}
		if err := stream.Send(&greetv1.ConverseResponse{}); err != nil {
			return err
		}
	}
}
