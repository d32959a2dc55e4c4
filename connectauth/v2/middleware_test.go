package connectauth_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect/v2/connecthttp"

	connectauth "github.com/oidcrpc/oidcrpc/connectauth/v2"
	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	greetv1connect "github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connectv2"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

func post(t *testing.T, client *http.Client, url, token, body string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	return res
}

// The interceptor alone never hears of them.
func TestMiddlewareRefusesProceduresThatAreNotRegistered(t *testing.T) {
	auth := newAuth(t, verifiertest.NewIssuer())
	handler := mount(newServer(auth, echo{}))
	for name, test := range map[string]struct {
		handler http.Handler
		want    int
	}{
		"the interceptor alone": {handler, http.StatusNotImplemented},
		"behind the middleware": {connectauth.NewMiddleware(auth).Wrap(handler), http.StatusUnauthorized},
	} {
		server := serve(t, test.handler)
		res := post(t, server.Client(), server.URL+"/"+greetv1connect.GreetServiceName+"/Other", "", "{}")
		if res.StatusCode != test.want {
			t.Errorf("%s: status %d, want %d", name, res.StatusCode, test.want)
		}
	}
}

func TestMiddlewareKeepsHTTP2Connections(t *testing.T) {
	auth := newAuth(t, verifiertest.NewIssuer())
	handler := mount(newServer(auth, echo{}))
	server := serve(t, connectauth.NewMiddleware(auth).Wrap(handler))
	var connections []string
	for range 3 {
		trace := &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
			connections = append(connections, info.Conn.LocalAddr().String())
		}}
		req, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace),
			http.MethodPost, server.URL+greetv1connect.GreetServiceGreetProcedure, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		res, err := server.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		if res.ProtoMajor != 2 || res.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s %s, want a refusal over HTTP/2", res.Proto, res.Status)
		}
	}
	if distinct := slices.Compact(connections); len(distinct) != 1 {
		t.Errorf("refused calls took the connections %v, want one", distinct)
	}
}

func TestInterceptorAsksTheVerifierAgainBehindTheMiddleware(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	v, err := verifier.New(issuer.Config())
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	auth, err := interceptor.New(countingVerifier{v, &count})
	if err != nil {
		t.Fatal(err)
	}
	handler := mount(newServer(auth, echo{}))
	client := newClient(serve(t, connectauth.NewMiddleware(auth).Wrap(handler)))
	ctx, _ := withToken(t.Context(), issuer.Token(nil))
	res, err := client.Greet(ctx, &greetv1.GreetRequest{})
	if err != nil || res.GetGreeting() != "user" {
		t.Errorf("got %v, %v", res, err)
	}
	if count != 2 {
		t.Errorf("the verifier was asked %d times, want 2: a key may be withdrawn in between", count)
	}
}

type countingVerifier struct {
	next  *verifier.Verifier
	count *int
}

func (c countingVerifier) Verify(ctx context.Context, token string) (*verifier.Claims, error) {
	*c.count++
	return c.next.Verify(ctx, token)
}

// A router can serve a procedure under a path that reads like another one.
func TestRealProceduresRuleAppliesUnderAnyPath(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	auth := newAuth(t, issuer, interceptor.WithPolicy(interceptor.Policy{
		"/open.S/Public": {Access: interceptor.AccessPublic},
		"/open.S/Token":  {},
		greetv1connect.GreetServiceGreetProcedure: {
			Require: verifier.Requirement{Scopes: []string{"greet"}},
		},
	}))
	handler := mount(newServer(auth, echo{}))
	server := serve(t, connectauth.NewMiddleware(auth).Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.URL.Path = greetv1connect.GreetServiceGreetProcedure
		handler.ServeHTTP(w, r)
	})))
	weak, strong := issuer.Token(nil), issuer.Token(map[string]any{"scope": "greet"})
	tests := []struct {
		path, token string
		want        int
	}{
		{"/open.S/Public", "", http.StatusUnauthorized},
		{"/open.S/Public", weak, http.StatusForbidden},
		{"/open.S/Public", strong, http.StatusOK},
		{"/open.S/Token", weak, http.StatusForbidden},
		{"/open.S/Token", strong, http.StatusOK},
	}
	for _, test := range tests {
		if res := post(t, server.Client(), server.URL+test.path, test.token, "{}"); res.StatusCode != test.want {
			t.Errorf("%s: status %d, want %d", test.path, res.StatusCode, test.want)
		}
	}
}

func TestPathThatNamesNoProcedureIsNotFound(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	auth := newAuth(t, issuer, interceptor.WithPolicy(interceptor.Policy{"/*": {Access: interceptor.AccessPublic}}))
	reached := false
	handler := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true })
	server := serve(t, connectauth.NewMiddleware(auth).Wrap(handler))
	for _, path := range []string{"/", "/healthz", "/api/a.S/M", "//a.S/M", "/a.S//M", "/a.S/M/", "/a.S/%2e%2e/M", "/a.S/%4d%20"} {
		if res := post(t, server.Client(), server.URL+path, issuer.Token(nil), ""); res.StatusCode != http.StatusNotFound {
			t.Errorf("%s: status %d, want 404", path, res.StatusCode)
		}
	}
	if reached {
		t.Error("the handler was reached")
	}
}

func TestMiddlewareServesTheResourceMetadata(t *testing.T) {
	auth := newAuth(t, verifiertest.NewIssuer(), interceptor.WithResourceMetadata(
		interceptor.ResourceMetadata{Resource: "https://api.example/orders"}))
	path, _ := auth.ResourceMetadata()
	server := serve(t, connectauth.NewMiddleware(auth).Wrap(http.NotFoundHandler()))
	for path, want := range map[string]int{
		path:                                    http.StatusOK,
		path + "/":                              http.StatusNotFound,
		"/.well-known/oauth-protected-resource": http.StatusNotFound,
	} {
		res, err := server.Client().Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("GET %s: status %d, want %d", path, res.StatusCode, want)
		}
	}
}

func TestSkippedRequestsAreLeftAlone(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	auth := newAuth(t, issuer)
	mux := http.NewServeMux()
	connecthttp.Mount(mux, newServer(auth, echo{}))
	mux.HandleFunc("/healthz", func(http.ResponseWriter, *http.Request) {})
	server := serve(t, connectauth.NewMiddleware(auth, connectauth.WithSkip(func(*http.Request) bool {
		return true
	})).Wrap(mux))
	if res := post(t, server.Client(), server.URL+"/healthz", "", ""); res.StatusCode != http.StatusOK {
		t.Errorf("/healthz: status %d", res.StatusCode)
	}
	procedure := server.URL + greetv1connect.GreetServiceGreetProcedure
	if res := post(t, server.Client(), procedure, "", "{}"); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("skipping opened a procedure: status %d", res.StatusCode)
	}
}

func TestMiddlewareNamesANilOption(t *testing.T) {
	defer func() {
		if r := recover(); r != "connectauth: NewMiddleware was given a nil MiddlewareOption" {
			t.Errorf("got %v", r)
		}
	}()
	connectauth.NewMiddleware(newAuth(t, verifiertest.NewIssuer()), nil)
}

func TestPrefixIsTakenOffThePath(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	auth := newAuth(t, issuer, interceptor.WithPolicy(interceptor.Policy{
		greetv1connect.GreetServiceGreetProcedure: {Require: verifier.Requirement{Scopes: []string{"greet"}}},
	}))
	mux := mount(newServer(auth, echo{}))
	outer := http.NewServeMux()
	outer.Handle("/api/v1/", http.StripPrefix("/api/v1", mux))
	outer.Handle("/", mux)
	server := serve(t, connectauth.NewMiddleware(auth, connectauth.WithPrefix("api/v1/"), connectauth.WithPrefix("/rpc")).Wrap(outer))
	for _, test := range []struct {
		path, token string
		want        int
	}{
		{"/api/v1" + greetv1connect.GreetServiceGreetProcedure, "", http.StatusUnauthorized},
		{"/api/v1" + greetv1connect.GreetServiceGreetProcedure, issuer.Token(nil), http.StatusForbidden},
		{"/api/v1" + greetv1connect.GreetServiceGreetProcedure, issuer.Token(map[string]any{"scope": "greet"}), http.StatusOK},
		{greetv1connect.GreetServiceGreetProcedure, "", http.StatusUnauthorized},
		{"/rpc" + greetv1connect.GreetServiceGreetProcedure, "", http.StatusUnauthorized},
		{"/api" + greetv1connect.GreetServiceGreetProcedure, "", http.StatusNotFound},
		{"/api/v1/api/v1" + greetv1connect.GreetServiceGreetProcedure, "", http.StatusNotFound},
		{"/api/v1/" + greetv1connect.GreetServiceGreetProcedure, "", http.StatusNotFound},
		{"/api/v1/healthz", "", http.StatusNotFound},
	} {
		if res := post(t, server.Client(), server.URL+test.path, test.token, "{}"); res.StatusCode != test.want {
			t.Errorf("%s: status %d, want %d", test.path, res.StatusCode, test.want)
		}
	}
}

// Every call of a service under a prefix gets a 404, and a caller may see no more of it.
func TestPathThatNamesNoProcedureIsNotSilent(t *testing.T) {
	var seen []interceptor.Decision
	auth := newAuth(t, verifiertest.NewIssuer(), interceptor.WithObserver(func(_ context.Context, d interceptor.Decision) {
		seen = append(seen, d)
	}))
	server := serve(t, connectauth.NewMiddleware(auth).Wrap(http.NotFoundHandler()))
	path := "/api" + greetv1connect.GreetServiceGreetProcedure
	res := post(t, server.Client(), server.URL+path, "", "")
	body, _ := io.ReadAll(res.Body)
	if string(body) != "404 page not found: the path is not /service/method\n" {
		t.Errorf("the body is %q", body)
	}
	if len(seen) != 1 || seen[0].Procedure != path || seen[0].Code != interceptor.CodeUnimplemented ||
		seen[0].Stage != interceptor.StageEarly || !strings.Contains(seen[0].Err.Error(), "WithPrefix") {
		t.Errorf("the observer saw %+v", seen)
	}
	post(t, server.Client(), server.URL+"/"+strings.Repeat("x", 10_000), "", "")
	if len(seen) != 2 || len(seen[1].Procedure) > 256 {
		t.Errorf("a stranger made the observer hear %d bytes", len(seen[1].Procedure))
	}
}
