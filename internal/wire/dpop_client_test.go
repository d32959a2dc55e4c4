package wire_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	connectv2 "connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"connectrpc.com/connect/v2/connectinprocess"
	"golang.org/x/oauth2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	transport "google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"github.com/oidcrpc/oidcrpc/connectauth"
	connectauthv2 "github.com/oidcrpc/oidcrpc/connectauth/v2"
	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connect"
	"github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connectv2"
	"github.com/oidcrpc/oidcrpc/grpcauth"
	"github.com/oidcrpc/oidcrpc/interceptor"
	tokens "github.com/oidcrpc/oidcrpc/interceptor/client"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/dpop"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// An ownClient makes a call of each kind to a server that implements nothing.
type ownClient struct {
	name  string
	calls func(t *testing.T, url string, roots *x509.CertPool, source *tokens.Source) map[kind]func(context.Context) error
}

func ownClients() []ownClient {
	all := []ownClient{{"grpc-go", callGRPC}}
	for name, options := range map[string][]connect.ClientOption{
		"v1, Connect": {connect.WithHTTPGet()}, "v1, gRPC": {connect.WithGRPC()}, "v1, gRPC-Web": {connect.WithGRPCWeb()},
	} {
		all = append(all, ownClient{name, func(
			_ *testing.T, url string, roots *x509.CertPool, source *tokens.Source,
		) map[kind]func(context.Context) error {
			return callConnect(greetv1connect.NewGreetServiceClient(newProvingClient(roots, source), url,
				append(options, connect.WithInterceptors(connectauth.NewClientInterceptor(source)))...))
		}})
	}
	for name, options := range map[string][]connecthttp.Option{
		"v2, Connect": {connecthttp.WithHTTPGet()}, "v2, gRPC": {connecthttp.WithGRPC()}, "v2, gRPC-Web": {connecthttp.WithGRPCWeb()},
	} {
		all = append(all, ownClient{name, func(
			_ *testing.T, url string, roots *x509.CertPool, source *tokens.Source,
		) map[kind]func(context.Context) error {
			return callConnectV2(connecthttp.NewTransport(newProvingClient(roots, source), url, options...), source)
		}})
	}
	return all
}

func newProvingClient(roots *x509.CertPool, source *tokens.Source) *http.Client {
	return &http.Client{Transport: source.Transport(&http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "greet.test"}, ForceAttemptHTTP2: true,
	})}
}

func callGRPC(t *testing.T, url string, roots *x509.CertPool, source *tokens.Source) map[kind]func(context.Context) error {
	t.Helper()
	creds := transport.NewTLS(&tls.Config{RootCAs: roots, ServerName: "greet.test"})
	conn, err := grpc.NewClient(url[len("https://"):], grpcauth.ClientOptions(source, grpc.WithTransportCredentials(creds))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	greeter := greetv1.NewGreetServiceClient(conn)
	return map[kind]func(context.Context) error{
		unary: func(ctx context.Context) error {
			_, err := greeter.Greet(ctx, &greetv1.GreetRequest{})
			return err
		},
		serverStream: func(ctx context.Context) error {
			stream, err := greeter.Watch(ctx, &greetv1.WatchRequest{})
			if err == nil {
				_, err = stream.Recv()
			}
			return err
		},
		clientStream: func(ctx context.Context) error {
			stream, err := greeter.Collect(ctx)
			if err == nil {
				_, err = stream.CloseAndRecv()
			}
			return err
		},
		bidiStream: func(ctx context.Context) error {
			stream, err := greeter.Converse(ctx)
			if err == nil {
				_ = stream.Send(&greetv1.ConverseRequest{})
				_, err = stream.Recv()
			}
			return err
		},
	}
}

func callConnect(greeter greetv1connect.GreetServiceClient) map[kind]func(context.Context) error {
	return map[kind]func(context.Context) error{
		unary: func(ctx context.Context) error {
			_, err := greeter.Greet(ctx, connect.NewRequest(&greetv1.GreetRequest{}))
			return err
		},
		serverStream: func(ctx context.Context) error {
			stream, err := greeter.Watch(ctx, connect.NewRequest(&greetv1.WatchRequest{}))
			if err != nil {
				return err
			}
			defer stream.Close()
			stream.Receive()
			return stream.Err()
		},
		clientStream: func(ctx context.Context) error {
			_, err := greeter.Collect(ctx).CloseAndReceive()
			return err
		},
		bidiStream: func(ctx context.Context) error {
			stream := greeter.Converse(ctx)
			defer stream.CloseResponse()
			_ = stream.Send(&greetv1.ConverseRequest{})
			_, err := stream.Receive()
			return err
		},
	}
}

func callConnectV2(over connectv2.Transport, source *tokens.Source) map[kind]func(context.Context) error {
	greeter := greetv1connectv2.NewGreetServiceClient(connectv2.NewClient(over, connectauthv2.NewClientInterceptor(source)))
	return map[kind]func(context.Context) error{
		unary: func(ctx context.Context) error {
			_, err := greeter.Greet(ctx, &greetv1.GreetRequest{})
			return err
		},
		serverStream: func(ctx context.Context) error {
			stream, err := greeter.Watch(ctx, &greetv1.WatchRequest{})
			if err == nil {
				defer stream.Close()
				_, err = stream.Receive()
			}
			return err
		},
		clientStream: func(ctx context.Context) error {
			stream, err := greeter.Collect(ctx)
			if err == nil {
				_, err = stream.CloseAndReceive()
			}
			return err
		},
		bidiStream: func(ctx context.Context) error {
			stream, err := greeter.Converse(ctx)
			if err == nil {
				defer stream.Close()
				_ = stream.Send(&greetv1.ConverseRequest{})
				_, err = stream.Receive()
			}
			return err
		},
	}
}

// A desk issues tokens that are bound to a key: first an expired one.
type desk struct {
	issuer *verifiertest.Issuer
	dpop   *tokens.DPoP

	mu     sync.Mutex
	issued int
}

func (d *desk) fetch(context.Context) (*oauth2.Token, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	claims := map[string]any{"cnf": map[string]any{"jkt": d.dpop.Thumbprint()}}
	if d.issued == 0 {
		claims["exp"] = time.Now().Add(-time.Minute)
	}
	d.issued++
	return &oauth2.Token{AccessToken: d.issuer.Token(claims), TokenType: "DPoP", Expiry: time.Now().Add(time.Hour)}, nil
}

// A record keeps what an Authenticator has decided.
type record struct {
	mu    sync.Mutex
	codes []verifier.Code
}

func (r *record) note(_ context.Context, d interceptor.Decision) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.codes = append(r.codes, verifier.CodeOf(d.Err))
}

func (r *record) take() []verifier.Code {
	r.mu.Lock()
	defer r.mu.Unlock()
	codes := r.codes
	r.codes = nil
	return codes
}

func newBoundAuth(t *testing.T, issuer *verifiertest.Issuer, r *record, origins ...string) *interceptor.Authenticator {
	t.Helper()
	v, err := verifier.New(issuer.Config())
	if err != nil {
		t.Fatal(err)
	}
	auth, err := interceptor.New(v, interceptor.WithObserver(r.note),
		interceptor.WithDPoP(dpop.Config{Origins: origins, RequireNonce: true}),
		interceptor.WithPolicy(interceptor.Policy{"/*": {Require: verifier.Requirement{Bound: true}}}))
	if err != nil {
		t.Fatal(err)
	}
	return auth
}

// For grpc-go the name in the certificate is the authority. The first call brings an expired token without a nonce, the second a good one. Nothing but the
// server's decisions tells so.
func TestOurClientProvesToOurServer(t *testing.T) {
	certificate := newCertificate(t)
	parsed, err := x509.ParseCertificate(certificate.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	for _, stack := range stacks() {
		for _, ownClient := range ownClients() {
			if stack.handler == nil && ownClient.name != "grpc-go" && ownClient.name != "v1, gRPC" && ownClient.name != "v2, gRPC" ||
				stack.name == "grpc-go ServeHTTP" && (ownClient.name == "v1, Connect" || ownClient.name == "v2, Connect" ||
					ownClient.name == "v1, gRPC-Web" || ownClient.name == "v2, gRPC-Web") {
				continue
			}
			t.Run(ownClient.name+" to "+stack.name, func(t *testing.T) {
				listener := listen(t, "tcp", "127.0.0.1:0")
				url := "https://" + listener.Addr().String()
				issuer, decided := verifiertest.NewIssuer(), new(record)
				stack.serve(t, newBoundAuth(t, issuer, decided, url, "https://greet.test"), listener,
					&tls.Config{Certificates: []tls.Certificate{certificate}, NextProtos: []string{"h2", "http/1.1"}})
				for _, kind := range allKinds {
					checkOwnClient(t, issuer, decided, kind, func(source *tokens.Source) func(context.Context) error {
						return ownClient.calls(t, url, roots, source)[kind]
					}, "")
				}
			})
		}
	}
	t.Run("v2 in process", func(t *testing.T) {
		const origin = "https://api.example"
		issuer, decided := verifiertest.NewIssuer(), new(record)
		server := connectv2.NewServer(connectauthv2.NewServerInterceptor(newBoundAuth(t, issuer, decided, origin)))
		greetv1connectv2.RegisterGreetServiceHandler(server, greetv1connectv2.UnimplementedGreetServiceHandler{})
		for _, kind := range allKinds {
			checkOwnClient(t, issuer, decided, kind, func(source *tokens.Source) func(context.Context) error {
				return callConnectV2(connectinprocess.New(server), source)[kind]
			}, origin)
		}
	})
}

func checkOwnClient(
	t *testing.T, issuer *verifiertest.Issuer, decided *record, kind kind,
	dial func(*tokens.Source) func(context.Context) error, origin string,
) {
	t.Helper()
	d, err := tokens.NewDPoP(tokens.DPoPConfig{Origin: origin})
	if err != nil {
		t.Fatal(err)
	}
	desk := &desk{issuer: issuer, dpop: d}
	call := dial(tokens.NewSource(desk.fetch, tokens.WithDPoP(d)))
	for _, want := range [][]verifier.Code{
		{verifier.CodeUseDPoPNonce, verifier.CodeTokenExpired, ""}, {""},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		err := call(ctx)
		cancel()
		if got := codeOf(err); got != codes.Unimplemented {
			t.Errorf("%s: %v, want what an admitted call gets", kind, err)
		}
		if got := slices.Compact(decided.take()); !slices.Equal(got, want) {
			t.Errorf("%s: the server has decided %q, want %q", kind, got, want)
		}
	}
	if desk.issued != 2 {
		t.Errorf("%s: %d tokens were issued, want 2", kind, desk.issued)
	}
}

func codeOf(err error) codes.Code {
	if connectErr, ok := errors.AsType[*connect.Error](err); ok {
		return codes.Code(connectErr.Code())
	}
	if connectErr, ok := errors.AsType[*connectv2.Error](err); ok {
		return codes.Code(connectErr.Code())
	}
	if err == nil || errors.Is(err, io.EOF) {
		return codes.OK
	}
	return status.Code(err)
}
