package connectauth_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"connectrpc.com/connect"
	"go.uber.org/goleak"

	"github.com/oidcrpc/oidcrpc/connectauth"
	"github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connect"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newAuth(tb testing.TB, issuer *verifiertest.Issuer, options ...interceptor.Option) *interceptor.Authenticator {
	tb.Helper()
	v, err := verifier.New(issuer.Config())
	if err != nil {
		tb.Fatal(err)
	}
	auth, err := interceptor.New(v, options...)
	if err != nil {
		tb.Fatal(err)
	}
	return auth
}

func secured(auth *interceptor.Authenticator) connect.HandlerOption {
	return connect.WithInterceptors(connectauth.NewInterceptor(auth))
}

// serve serves handler over HTTP/1.1 and HTTP/2 until the test ends.
func serve(tb testing.TB, handler http.Handler) *httptest.Server {
	tb.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.EnableHTTP2 = true
	server.StartTLS()
	tb.Cleanup(server.Close)
	return server
}

func newClient(server *httptest.Server, options ...connect.ClientOption) greetv1connect.GreetServiceClient {
	return greetv1connect.NewGreetServiceClient(server.Client(), server.URL, options...)
}

func withToken[T any](message *T, token string) *connect.Request[T] {
	req := connect.NewRequest(message)
	req.Header().Set("Authorization", "Bearer "+token)
	return req
}
