package grpcauth_test

import (
	"context"
	"crypto/tls"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/grpcauth"
	"github.com/oidcrpc/oidcrpc/interceptor/client"
	"github.com/oidcrpc/oidcrpc/internal/dpoptest"
)

// guarded is a server behind a guard, which knows itself by an origin.
type guarded struct {
	*dpoptest.Guard

	origin string
	set    func(context.Context, metadata.MD) error // tells the client the nonce
}

func (g guarded) admit(ctx context.Context, method string) error {
	md, _ := metadata.FromIncomingContext(ctx)
	answer := g.Admit(dpoptest.Request{
		Method: "POST", Target: g.origin + method, Authorization: md.Get("authorization"), Proofs: md.Get("dpop"),
	})
	if answer.Nonce != "" {
		if err := g.set(ctx, metadata.Pairs("dpop-nonce", answer.Nonce)); err != nil {
			return err
		}
	}
	if answer.Challenge == "" {
		return nil
	}
	if err := grpc.SetTrailer(ctx, metadata.Pairs("www-authenticate", answer.Challenge)); err != nil {
		return err
	}
	return status.Error(codes.Unauthenticated, "no")
}

func (g guarded) server(options ...grpc.ServerOption) *grpc.Server {
	server := grpc.NewServer(append(options,
		grpc.UnaryInterceptor(func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
			if err := g.admit(ctx, info.FullMethod); err != nil {
				return nil, err
			}
			return handler(ctx, req)
		}),
		grpc.StreamInterceptor(func(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
			if err := g.admit(ss.Context(), info.FullMethod); err != nil {
				return err
			}
			return handler(srv, ss)
		}))...)
	greetv1.RegisterGreetServiceServer(server, &everyKind{})
	return server
}

func calls(conn *grpc.ClientConn) map[string]func(context.Context) error {
	greeter := greetv1.NewGreetServiceClient(conn)
	calls := make(map[string]func(context.Context) error)
	for kind, call := range kinds {
		calls[kind] = func(ctx context.Context) error { return call(ctx, greeter) }
	}
	return calls
}

func TestClientProvesThatItHoldsItsTokensKey(t *testing.T) {
	for place, set := range map[string]func(context.Context, metadata.MD) error{
		"header": grpc.SetHeader, "trailer": grpc.SetTrailer,
	} {
		for origin, want := range map[string]string{
			"": "http://bufconn", "https://api.example:8443": "https://api.example:8443",
		} {
			t.Run("nonce in the "+place+", origin "+origin, func(t *testing.T) {
				dpoptest.TestClient(t, origin, func(
					t *testing.T, g *dpoptest.Guard, tokens *client.Source,
				) map[string]func(context.Context) error {
					server := guarded{g, want, set}.server()
					return calls(dial(t, server, grpcauth.PlaintextClientOptions(tokens)...))
				})
			})
		}
	}
}

// A target is called by its authority, and over TLS by https. The default port goes without saying.
func TestProofNamesTheAuthorityThatIsCalled(t *testing.T) {
	certificate := httptest.NewUnstartedServer(nil)
	certificate.StartTLS()
	certificate.Close()
	overTLS := []grpc.ServerOption{grpc.Creds(credentials.NewServerTLSFromCert(&certificate.TLS.Certificates[0]))}
	trusting := credentials.NewTLS(&tls.Config{InsecureSkipVerify: true})
	for _, test := range []struct {
		name   string
		server []grpc.ServerOption
		dial   func(*client.Source) []grpc.DialOption
		origin string
	}{
		{"plaintext", nil, func(tokens *client.Source) []grpc.DialOption {
			return grpcauth.PlaintextClientOptions(tokens)
		}, "http://bufconn"},
		{"plaintext, another authority", nil, func(tokens *client.Source) []grpc.DialOption {
			return grpcauth.PlaintextClientOptions(tokens, grpc.WithAuthority("api.example:8080"))
		}, "http://api.example:8080"},
		{"TLS", overTLS, func(tokens *client.Source) []grpc.DialOption {
			return grpcauth.ClientOptions(tokens, grpc.WithTransportCredentials(trusting))
		}, "https://bufconn"},
		{"TLS, another authority", overTLS, func(tokens *client.Source) []grpc.DialOption {
			return grpcauth.PlaintextClientOptions(tokens,
				grpc.WithTransportCredentials(trusting), grpc.WithAuthority("api.example:443"))
		}, "https://api.example"},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := dpoptest.NewGuard()
			server := guarded{g, test.origin, grpc.SetHeader}.server(test.server...)
			for kind, call := range calls(dial(t, server, test.dial(g.NewSource(t, nil))...)) {
				if err := call(t.Context()); err != nil || g.Err() != nil {
					t.Errorf("%s: %v, %v", kind, err, g.Err())
				}
			}
		})
	}
}

// grpc-go sends such a call again by itself.
func TestAttemptOfGRPCsOwnHasAFreshProof(t *testing.T) {
	g := dpoptest.NewGuard()
	failures := 2
	server := guarded{g, "http://bufconn", grpc.SetHeader}.server(grpc.ChainUnaryInterceptor(
		func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
			if failures--; failures >= 0 {
				return nil, status.Error(codes.Unavailable, "later")
			}
			return handler(ctx, req)
		}))
	conn := dial(t, server, grpcauth.PlaintextClientOptions(g.NewSource(t, nil), grpc.WithDefaultServiceConfig(`{
		"methodConfig": [{"name": [{}], "retryPolicy": {"maxAttempts": 4, "initialBackoff": "0.01s",
			"maxBackoff": "0.01s", "backoffMultiplier": 1, "retryableStatusCodes": ["UNAVAILABLE"]}}]}`))...)
	if err := calls(conn)["unary"](t.Context()); err != nil || g.Err() != nil {
		t.Errorf("the call fails: %v, %v", err, g.Err())
	}
	if tokens, attempts := g.Count(); tokens != 1 || attempts != 3 {
		t.Errorf("%d tokens and %d attempts, want 1 and 3", tokens, attempts)
	}
}

func TestLaterAttemptsAreCounted(t *testing.T) {
	g := dpoptest.NewGuard()
	var earlier []string
	server := guarded{g, "http://bufconn", func(ctx context.Context, md metadata.MD) error {
		incoming, _ := metadata.FromIncomingContext(ctx)
		earlier = append(earlier, strings.Join(incoming.Get("grpc-previous-rpc-attempts"), ","))
		return grpc.SetHeader(ctx, md)
	}}.server()
	all := calls(dial(t, server, grpcauth.PlaintextClientOptions(g.NewSource(t, nil))...))
	for _, kind := range []string{"unary", "bidi stream"} {
		if err := all[kind](t.Context()); err != nil {
			t.Fatal(err)
		}
		g.Revoke()
		g.WantNonce(dpoptest.Resource)
		earlier = nil
		if err := all[kind](t.Context()); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(earlier, []string{"", "1", "2"}) {
			t.Errorf("%s: the attempts say %q, want what came before", kind, earlier)
		}
	}
}
