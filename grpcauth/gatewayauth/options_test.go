package gatewayauth_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/oidcrpc/oidcrpc/grpcauth"
	"github.com/oidcrpc/oidcrpc/grpcauth/gatewayauth"
	greetgw "github.com/oidcrpc/oidcrpc/grpcauth/gatewayauth/internal/greet/v1"
	"github.com/oidcrpc/oidcrpc/interceptor"
)

const (
	unary        = "/v1/greetings/ann"
	serverStream = "/v1/greetings/ann/watch"
	clientStream = "/v1/greetings:collect"
)

func TestHTTPClientsHearWhatTheServerSays(t *testing.T) {
	server := serve(t, dial(t, grpcauth.ServerOptions(newAuth(t))...), gatewayauth.Options()...)
	for _, test := range []struct {
		tokens    []string
		status    int
		challenge string
		retry     string
		reason    string
	}{
		{[]string{"good"}, http.StatusOK, "", "", ""},
		{nil, http.StatusUnauthorized, `Bearer realm="api"`, "", "MISSING_TOKEN"},
		{[]string{"old"}, http.StatusUnauthorized,
			`Bearer realm="api", error="invalid_token", error_description="the token has expired"`, "", "TOKEN_EXPIRED"},
		{[]string{"good", "good"}, http.StatusUnauthorized, `Bearer realm="api", error="invalid_request"`, "", "INVALID_REQUEST"},
		{[]string{"narrow"}, http.StatusForbidden,
			`Bearer realm="api", error="insufficient_scope", scope="greet"`, "", "INSUFFICIENT_SCOPE"},
		{[]string{"down"}, http.StatusServiceUnavailable, "", "2", "JWKS_FETCH_FAILED"},
	} {
		for _, path := range []string{unary, serverStream, clientStream} {
			a := call(t, server, path, test.tokens...)
			if a.status != test.status || strings.Join(a.challenge, "|") != test.challenge || a.retryAfter != test.retry {
				t.Errorf("%s, %q: %+v", path, test.tokens, a)
			}
			if !strings.Contains(a.body, test.reason) || !json.Valid([]byte(a.body)) {
				t.Errorf("%s, %q: the body is %s", path, test.tokens, a.body)
			}
		}
	}
}

func TestErrorsThatAreNoRefusalsStayAsTheyAre(t *testing.T) {
	conn := dial(t, grpcauth.ServerOptions(newAuth(t))...)
	plain, ours := serve(t, conn), serve(t, conn, gatewayauth.Options()...)
	for _, path := range []string{"/v1/greetings/nobody", "/v1/greetings/guest", "/v1/elsewhere"} {
		want, got := call(t, plain, path, "good"), call(t, ours, path, "good")
		if want.status < 400 || got.status != want.status || !slices.Equal(got.challenge, want.challenge) ||
			!strings.Contains(got.body, "message") {
			t.Errorf("%s: %+v, want %+v", path, got, want)
		}
	}
}

// The status is gone by then, but not the last line.
func TestLastLineOfAStreamHoldsTheRefusal(t *testing.T) {
	server := serve(t, dial(t, grpcauth.ServerOptions(newAuth(t))...), gatewayauth.Options()...)
	a := call(t, server, "/v1/greetings/mayor/watch", "good")
	lines := strings.Split(strings.TrimSpace(a.body), "\n")
	if a.status != http.StatusOK || len(lines) != 2 || !strings.Contains(lines[0], "hello mayor") {
		t.Fatalf("%+v", a)
	}
	var last struct {
		Error struct {
			Code    int
			Details []struct {
				Reason   string
				Metadata map[string]string
			}
		}
	}
	if err := json.Unmarshal([]byte(lines[1]), &last); err != nil {
		t.Fatal(err)
	}
	if codes.Code(last.Error.Code) != codes.PermissionDenied || len(last.Error.Details) != 1 ||
		last.Error.Details[0].Reason != "INSUFFICIENT_PERMISSIONS" ||
		!strings.HasPrefix(last.Error.Details[0].Metadata["challenge"], "Bearer ") || strings.Contains(a.body, "secret") {
		t.Errorf("the last line is %s", lines[1])
	}
}

func TestHandlersRefusalHasItsChallenge(t *testing.T) {
	server := serve(t, dial(t, grpcauth.ServerOptions(newAuth(t))...), gatewayauth.Options()...)
	a := call(t, server, "/v1/greetings/mayor", "good")
	if a.status != http.StatusForbidden || len(a.challenge) != 1 || !strings.Contains(a.challenge[0], "insufficient_scope") {
		t.Errorf("%+v", a)
	}
}

// The gateway would send the error's text as a challenge.
func TestServerThatTakesNoSchemeOffersNone(t *testing.T) {
	auth := newAuth(t, interceptor.WithPlace(interceptor.Metadata("x-api-key")))
	server := serve(t, dial(t, grpcauth.ServerOptions(auth)...), gatewayauth.Options()...)
	for _, path := range []string{unary, serverStream} {
		if a := call(t, server, path, "good"); a.status != http.StatusUnauthorized || len(a.challenge) != 0 {
			t.Errorf("%s: %+v", path, a)
		}
	}
}

func TestChallengeInTheMetadataAloneIsUnderstood(t *testing.T) {
	const challenge = `Basic realm="other"`
	other := grpc.ChainUnaryInterceptor(func(
		ctx context.Context, _ any, _ *grpc.UnaryServerInfo, _ grpc.UnaryHandler,
	) (any, error) {
		_ = grpc.SetTrailer(ctx, metadata.Pairs("www-authenticate", challenge))
		return nil, status.Error(codes.Unauthenticated, "who are you?")
	})
	server := serve(t, dial(t, other), gatewayauth.Options()...)
	if a := call(t, server, unary); a.status != http.StatusUnauthorized || !slices.Equal(a.challenge, []string{challenge}) {
		t.Errorf("%+v", a)
	}
}

func TestErrorHandlersOfYourOwnAreCalled(t *testing.T) {
	var called []string
	options := append(gatewayauth.Options(),
		runtime.WithErrorHandler(gatewayauth.ErrorHandler(func(
			_ context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, _ *http.Request, err error,
		) {
			called = append(called, status.Code(err).String())
			w.WriteHeader(http.StatusTeapot)
		})),
		runtime.WithStreamErrorHandler(gatewayauth.StreamErrorHandler(func(_ context.Context, err error) *status.Status {
			called = append(called, status.Code(err).String())
			return status.New(codes.ResourceExhausted, "later")
		})))
	server := serve(t, dial(t, grpcauth.ServerOptions(newAuth(t))...), options...)
	for path, want := range map[string]int{unary: http.StatusTeapot, serverStream: http.StatusTooManyRequests} {
		a := call(t, server, path)
		if a.status != want || !slices.Equal(a.challenge, []string{`Bearer realm="api"`}) {
			t.Errorf("%s: %+v", path, a)
		}
	}
	if !slices.Equal(called, []string{"Unauthenticated", "Unauthenticated"}) {
		t.Errorf("called for %q", called)
	}
}

// The documentation warns about it.
func TestHandlerServerBypassesTheInterceptors(t *testing.T) {
	mux := runtime.NewServeMux(gatewayauth.Options()...)
	if err := greetgw.RegisterGreetServiceHandlerServer(t.Context(), mux, greeter{}); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(mux)
	defer server.Close()
	if a := call(t, server, unary); a.status != http.StatusOK {
		t.Errorf("%+v: correct the documentation", a)
	}
}

// Since v2.33.0 only a mux with WithLegacyHeaderMatching takes it.
func TestNoOtherFieldBecomesAuthorization(t *testing.T) {
	server := serve(t, dial(t, grpcauth.ServerOptions(newAuth(t))...), gatewayauth.Options()...)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+unary, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Grpc-Metadata-Authorization", "Bearer good")
	res, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusUnauthorized {
		t.Error(res.Status)
	}
}
