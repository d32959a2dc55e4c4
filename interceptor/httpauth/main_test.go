package httpauth_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc/test/bufconn"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// tokens is a TokenVerifier that knows tokens by name.
type tokens map[string]any // *verifier.Claims or error

func (t tokens) Verify(_ context.Context, token string) (*verifier.Claims, error) {
	switch known := t[token].(type) {
	case *verifier.Claims:
		return known, nil
	case error:
		return nil, known
	default:
		return nil, &verifier.AuthError{Code: verifier.CodeInvalidToken, Message: "the token is unknown"}
	}
}

const lifetime = time.Minute

// newTokens also has short, a token that ends after its lifetime.
func newTokens() tokens {
	return tokens{
		"good":   verifiertest.Claims(map[string]any{"scope": "orders:read"}),
		"narrow": verifiertest.Claims(nil),
		"short":  verifiertest.Claims(map[string]any{"jti": "short", "scope": "orders:read", "exp": time.Now().Add(lifetime).Unix()}),
		"old":    &verifier.AuthError{Code: verifier.CodeTokenExpired, Message: "the token has expired"},
		"down":   &verifier.KeysError{Code: verifier.CodeJWKSFetchFailed, RetryAfter: 1500 * time.Millisecond},
		"faulty": io.ErrUnexpectedEOF,
	}
}

const rule = "/orders.http/List"

var policy = interceptor.Policy{
	rule:                    {Require: verifier.Requirement{Scopes: []string{"orders:read"}}},
	"/orders.http/Offers":   {Access: interceptor.AccessOptional},
	"/orders.http/Prices":   {Access: interceptor.AccessPublic},
	"/orders.http/Approve":  {Require: verifier.Requirement{Permissions: []string{"approve", "sign"}}},
	"/orders.internal/*":    {Access: interceptor.AccessDenied},
	"/orders.v1.Orders/Get": {},
}

// decisions keeps what the observer sees.
type decisions []interceptor.Decision

func newAuth(tb testing.TB, seen *decisions, options ...interceptor.Option) *interceptor.Authenticator {
	tb.Helper()
	options = append(options, interceptor.WithPolicy(policy), interceptor.WithRealm("orders"),
		interceptor.WithObserver(func(_ context.Context, d interceptor.Decision) {
			if seen != nil {
				*seen = append(*seen, d)
			}
		}))
	auth, err := interceptor.New(newTokens(), options...)
	if err != nil {
		tb.Fatal(err)
	}
	return auth
}

// serve serves handler within this process, over HTTP/1.1 or HTTP/2, until the test ends.
func serve(tb testing.TB, major int, handler http.Handler) *http.Client {
	tb.Helper()
	protocols := new(http.Protocols)
	protocols.SetHTTP1(major == 1)
	protocols.SetUnencryptedHTTP2(major == 2)
	server := &http.Server{Protocols: protocols, Handler: handler}
	listener := bufconn.Listen(1 << 16)
	go func() { _ = server.Serve(listener) }()
	transport := &http.Transport{Protocols: protocols, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return listener.DialContext(ctx)
	}}
	tb.Cleanup(func() {
		transport.CloseIdleConnections()
		_ = server.Close()
	})
	return &http.Client{Transport: transport}
}

// newRequest is a request of a client, by default a GET.
func newRequest(tb testing.TB, method, token, body string) *http.Request {
	tb.Helper()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(tb.Context(), method, "http://orders.test/orders", reader)
	if err != nil {
		tb.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return req
}

// do sends a request. It returns the response, its body, and how the body ended.
func do(tb testing.TB, client *http.Client, req *http.Request) (*http.Response, string, error) {
	tb.Helper()
	res, err := client.Do(req)
	if err != nil {
		tb.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return res, string(body), err
}
