package e2e_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"connectrpc.com/connect"
	"connectrpc.com/vanguard"
	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"

	"github.com/oidcrpc/oidcrpc/connectauth"
	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connect"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// handleError is in docs/deployment.md.
func handleError(
	ctx context.Context, mux *runtime.ServeMux, m runtime.Marshaler, w http.ResponseWriter, r *http.Request, err error,
) {
	for _, detail := range status.Convert(err).Details() {
		info, ok := detail.(*errdetails.ErrorInfo)
		if ok && info.GetDomain() == interceptor.ErrorDomain && info.GetMetadata()["challenge"] != "" {
			w = challenged{w, info.GetMetadata()["challenge"]}
		}
	}
	runtime.DefaultHTTPErrorHandler(ctx, mux, m, w, r, err)
}

// challenged sends the service's challenge. The gateway's own has the error's message.
type challenged struct {
	http.ResponseWriter

	challenge string
}

func (w challenged) WriteHeader(status int) {
	w.Header().Set("WWW-Authenticate", w.challenge)
	w.ResponseWriter.WriteHeader(status)
}

// newGateway handles a path as the code does that grpc-gateway generates.
func newGateway(t *testing.T, client greetv1.GreetServiceClient) http.Handler {
	t.Helper()
	mux := runtime.NewServeMux(runtime.WithErrorHandler(handleError))
	err := mux.HandlePath(http.MethodGet, "/v1/greet/{name}",
		func(w http.ResponseWriter, r *http.Request, params map[string]string) {
			_, marshaler := runtime.MarshalerForRequest(mux, r)
			ctx, err := runtime.AnnotateContext(r.Context(), mux, r, greetv1.GreetService_Greet_FullMethodName)
			if err != nil {
				runtime.HTTPError(r.Context(), mux, marshaler, w, r, err)
				return
			}
			res, err := client.Greet(ctx, &greetv1.GreetRequest{Name: params["name"]})
			if err != nil {
				runtime.HTTPError(ctx, mux, marshaler, w, r, err)
				return
			}
			runtime.ForwardResponseMessage(ctx, mux, marshaler, w, r, res)
		})
	if err != nil {
		t.Fatal(err)
	}
	return mux
}

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
	grpcServer, ok := startGRPC(t, auth).(grpcCaller)
	if !ok {
		t.Fatal("startGRPC returned another caller")
	}
	transcoder, err := newTranscoder(auth, greetRule)
	if err != nil {
		t.Fatal(err)
	}
	gateways := map[string]http.Handler{
		"grpc-gateway": newGateway(t, grpcServer.client),
		"vanguard":     transcoder,
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
	for name, gateway := range gateways {
		for _, test := range tests {
			t.Run(name+"/"+test.name, func(t *testing.T) {
				res := getGreeting(t, gateway, test.token)
				if res.Code != test.status {
					t.Errorf("status = %d, want %d: %s", res.Code, test.status, res.Body)
				}
				if got := res.Header().Get("WWW-Authenticate"); got != test.challenge {
					t.Errorf("challenge = %q, want %q", got, test.challenge)
				}
			})
		}
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
