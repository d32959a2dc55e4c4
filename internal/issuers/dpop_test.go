package issuers_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/dpop"
	"github.com/oidcrpc/oidcrpc/verifier/introspection"
)

// externalOrigin is where clients think that the service is.
const externalOrigin = "https://greet.example:8443/rpc"

// A token that oidc-provider binds to a client's key is that client's alone, over every stack,
// whether it's a JWT or opaque. The proofs are npm's.
func TestKeyBoundTokensOfOIDCProvider(t *testing.T) {
	needs(t, "node", "npm")
	for format, judge := range map[string]func(*testing.T, string) interceptor.TokenVerifier{
		"jwt": func(t *testing.T, issuer string) interceptor.TokenVerifier {
			return newVerifier(t, verifier.Config{Issuer: issuer, Audiences: []string{audience}, FAPI2: true})
		},
		"opaque": func(t *testing.T, issuer string) interceptor.TokenVerifier {
			v, err := introspection.New(introspection.Config{
				Issuer: issuer, Audiences: []string{audience},
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
			w := newProvingWorld(t, format)
			v := judge(t, w.issuer)
			auth, err := interceptor.New(v, interceptor.WithDPoP(dpop.Config{
				Origins: []string{externalOrigin}, RequireNonce: true,
			}))
			if err != nil {
				t.Fatal(err)
			}
			plain, err := interceptor.New(v)
			if err != nil {
				t.Fatal(err)
			}
			for name, serve := range mutualStacks(tls.Certificate{}) {
				t.Run(name, func(t *testing.T) {
					w := w.dial(t, serve(t, auth, false))
					for kind, call := range w.calls() {
						send := func(scheme, token, who string) codes.Code {
							return w.send(t, call, kind, scheme, token, who)
						}
						token := w.ask(t, "/token/of/owner", nil)
						for range 2 { // also once the token is remembered
							want(t, kind, "its owner's proof", send("DPoP", token, "owner"), codes.OK)
							want(t, kind, "a thief's proof", send("DPoP", token, "thief"), codes.Unauthenticated)
							want(t, kind, "no proof", send("DPoP", token, ""), codes.Unauthenticated)
							want(t, kind, "as a bearer token", send("Bearer", token, ""), codes.Unauthenticated)
							want(t, kind, "as a bearer token, with a proof", send("Bearer", token, "owner"), codes.Unauthenticated)
						}
						want(t, kind, "the thief's own token", send("DPoP", w.ask(t, "/token/of/thief", nil), "thief"), codes.OK)
						stolen := w.prove(t, kind, token, "owner")
						want(t, kind, "a proof", w.sendAs(t, call, "DPoP", token, stolen), codes.OK)
						want(t, kind, "the same proof again", w.sendAs(t, call, "DPoP", token, stolen), codes.Unauthenticated)
					}
					deaf := w.dial(t, serve(t, plain, false))
					for kind, call := range deaf.calls() {
						token := w.ask(t, "/token/of/owner", nil)
						want(t, kind, "without the option", deaf.sendAs(t, call, "DPoP", token, w.prove(t, kind, token, "owner")), codes.Unauthenticated)
						want(t, kind, "as a bearer token, without the option", deaf.sendAs(t, call, "Bearer", token), codes.Unauthenticated)
					}
				})
			}
		})
	}
}

func want(t *testing.T, kind, because string, got, want codes.Code) {
	t.Helper()
	if got != want {
		t.Errorf("%s, %s: %v, want %v", kind, because, got, want)
	}
}

// A provingWorld is oidc-provider with two clients, and the service.
type provingWorld struct {
	issuer string
	client *http.Client
	greet  greetv1.GreetServiceClient
	nonce  *string
}

func newProvingWorld(t *testing.T, format string) provingWorld {
	t.Helper()
	dir := installOIDCProvider(t)
	address := freeAddress(t)
	issuer := "http://" + address
	keys := filepath.Join(t.TempDir(), "keys.json")
	writeKeys(t, keys, []map[string]string{newKey(t, "key-0")})
	_, port, _ := net.SplitHostPort(address)
	p := &process{
		command: func() *exec.Cmd {
			cmd := exec.Command("node", "dpop.mjs", port, issuer, keys, format)
			cmd.Dir = dir
			return cmd
		},
		probe:  issuer + "/.well-known/openid-configuration",
		client: newClient(),
	}
	p.start(t)
	t.Cleanup(func() { p.stop(t) })
	return provingWorld{issuer: issuer, client: p.client}
}

func (w provingWorld) dial(t *testing.T, address string) provingWorld {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	w.greet, w.nonce = greetv1.NewGreetServiceClient(conn), new(string)
	return w
}

// ask has one of the two clients do something.
func (w provingWorld) ask(t *testing.T, path string, query url.Values) string {
	t.Helper()
	res, err := w.client.Get(w.issuer + path + "?" + query.Encode())
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v: %s", path, res.Status, err, body)
	}
	return string(body)
}

// prove returns a proof with the latest nonce.
func (w provingWorld) prove(t *testing.T, kind, token, who string) string {
	t.Helper()
	query := url.Values{"htm": {"POST"}, "htu": {externalOrigin + "/greet.v1.GreetService/" + kind}, "ath": {token}}
	if *w.nonce != "" {
		query.Set("nonce", *w.nonce)
	}
	return w.ask(t, "/proof/of/"+who, query)
}

type provenCall func(context.Context) (grpc.ClientStream, error)

// send makes a call with a new proof, and another one if the server has sent a nonce.
func (w provingWorld) send(t *testing.T, call provenCall, kind, scheme, token, who string) (code codes.Code) {
	t.Helper()
	for range 2 {
		var proofs []string
		if who != "" {
			proofs = append(proofs, w.prove(t, kind, token, who))
		}
		before := *w.nonce
		if code = w.sendAs(t, call, scheme, token, proofs...); *w.nonce == before {
			break
		}
	}
	return code
}

// sendAs makes one call.
func (w provingWorld) sendAs(t *testing.T, call provenCall, scheme, token string, proofs ...string) codes.Code {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ctx = metadata.NewOutgoingContext(ctx, metadata.MD{"authorization": {scheme + " " + token}, "dpop": proofs})
	stream, err := call(ctx)
	if err == nil {
		err = stream.RecvMsg(&greetv1.GreetResponse{}) // all responses look alike
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	if stream != nil {
		header, _ := stream.Header()
		if nonces := metadata.Join(header, stream.Trailer()).Get("dpop-nonce"); len(nonces) > 0 {
			*w.nonce = nonces[0]
		}
	}
	if code := status.Code(err); code != codes.Unauthenticated {
		return code
	}
	if !strings.Contains(err.Error(), "the token") && !strings.Contains(err.Error(), "proof") && !strings.Contains(err.Error(), "access token") {
		t.Errorf("it says %v", err)
	}
	return codes.Unauthenticated
}

// calls are one of each kind, with their only message sent.
func (w provingWorld) calls() map[string]provenCall {
	conn := w.greet
	return map[string]provenCall{
		"Greet": func(ctx context.Context) (grpc.ClientStream, error) {
			var header, trailer metadata.MD
			_, err := conn.Greet(ctx, &greetv1.GreetRequest{Name: "Ada"}, grpc.Header(&header), grpc.Trailer(&trailer))
			return finished{header: header, trailer: trailer, err: err}, nil
		},
		"Watch": func(ctx context.Context) (grpc.ClientStream, error) {
			return conn.Watch(ctx, &greetv1.WatchRequest{Name: "Ada"})
		},
		"Collect": func(ctx context.Context) (grpc.ClientStream, error) {
			stream, err := conn.Collect(ctx)
			if err != nil {
				return nil, err
			}
			_ = stream.Send(&greetv1.CollectRequest{Name: "Ada"}) // its error is io.EOF, and a receive knows more
			return stream, stream.CloseSend()
		},
		"Converse": func(ctx context.Context) (grpc.ClientStream, error) {
			stream, err := conn.Converse(ctx)
			if err != nil {
				return nil, err
			}
			_ = stream.Send(&greetv1.ConverseRequest{Name: "Ada"})
			return stream, stream.CloseSend()
		},
	}
}

// A finished call is a unary one.
type finished struct {
	grpc.ClientStream

	header, trailer metadata.MD
	err             error
}

func (f finished) RecvMsg(any) error            { return f.err }
func (f finished) Header() (metadata.MD, error) { return f.header, nil }
func (f finished) Trailer() metadata.MD         { return f.trailer }
