package e2e_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"connectrpc.com/connect"
	"connectrpc.com/vanguard"
	"google.golang.org/genproto/googleapis/api/annotations"

	"github.com/oidcrpc/oidcrpc/connectauth"
	"github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connect"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// newTranscoder is in docs/deployment.md.
func newTranscoder(auth *interceptor.Authenticator, rules ...*annotations.HttpRule) (http.Handler, error) {
	path, handler := greetv1connect.NewGreetServiceHandler(connectService{},
		connect.WithInterceptors(connectauth.NewInterceptor(auth)))
	handler = connectauth.NewMiddleware(auth).Wrap(handler)
	return vanguard.NewTranscoder([]*vanguard.Service{vanguard.NewService(path, handler)}, vanguard.WithRules(rules...))
}

var greetRule = &annotations.HttpRule{
	Selector: "greet.v1.GreetService.Greet",
	Pattern:  &annotations.HttpRule_Get{Get: "/v1/greet/{name}"},
}

func TestRESTCallersGetTheChallengeThroughAGateway(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	auth := newRESTAuthenticator(t, issuer)
	transcoder, err := newTranscoder(auth, greetRule)
	if err != nil {
		t.Fatal(err)
	}
	expired := map[string]any{"scope": "greet", "exp": time.Now().Add(-time.Hour).Unix()}
	tests := []struct {
		name, token string
		status      int
		challenge   string
	}{
		{"no token", "", http.StatusUnauthorized, `Bearer realm="api"`},
		{
			"an expired token", issuer.Token(expired), http.StatusUnauthorized,
			`Bearer realm="api", error="invalid_token", error_description="the token has expired"`,
		},
		{
			"a token without the scope", issuer.Token(nil), http.StatusForbidden,
			`Bearer realm="api", error="insufficient_scope", scope="greet"`,
		},
		{"a good token", issuer.Token(map[string]any{"scope": "greet"}), http.StatusOK, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			res := getGreeting(t, transcoder, test.token)
			if res.Code != test.status {
				t.Errorf("status = %d, want %d: %s", res.Code, test.status, res.Body)
			}
			if got := res.Header().Get("WWW-Authenticate"); got != test.challenge {
				t.Errorf("challenge = %q, want %q", got, test.challenge)
			}
		})
	}
}

func TestMiddlewareAroundVanguardKnowsNoRESTPaths(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	auth := newRESTAuthenticator(t, issuer)
	transcoder, err := newTranscoder(auth, greetRule)
	if err != nil {
		t.Fatal(err)
	}
	around := connectauth.NewMiddleware(auth).Wrap(transcoder)
	res := getGreeting(t, around, issuer.Token(map[string]any{"scope": "greet"}))
	if res.Code != http.StatusNotFound {
		t.Errorf("status = %d, want 404: %s", res.Code, res.Body)
	}
}

func newRESTAuthenticator(t *testing.T, issuer *verifiertest.Issuer) *interceptor.Authenticator {
	t.Helper()
	config := issuer.Config()
	config.Require.Scopes = []string{"greet"}
	v, err := verifier.New(config)
	if err != nil {
		t.Fatal(err)
	}
	auth, err := interceptor.New(v)
	if err != nil {
		t.Fatal(err)
	}
	return auth
}

func getGreeting(t *testing.T, handler http.Handler, token string) *httptest.ResponseRecorder {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/greet/bob", nil)
	if token != "" {
		setToken(req.Header, token)
	}
	res := httptest.NewRecorder()
	handler.ServeHTTP(res, req)
	return res
}
