package httpauth_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/interceptor/httpauth"
)

func hello(w http.ResponseWriter, r *http.Request) {
	caller := "nobody"
	if claims, ok := interceptor.ClaimsFromContext(r.Context()); ok {
		caller = claims.Subject()
	}
	_, _ = w.Write([]byte("hello " + caller))
}

func TestHandlerGetsWhatItsRuleAdmits(t *testing.T) {
	auth := newAuth(t, nil)
	for _, test := range []struct {
		rule, token string
		want        string // what the handler answers, or the status
		challenge   string
	}{
		{rule, "good", "hello user", ""},
		{rule, "", "401", `Bearer realm="orders"`},
		{rule, "old", "401", `Bearer realm="orders", error="invalid_token", error_description="the token has expired"`},
		{rule, "narrow", "403", `Bearer realm="orders", error="insufficient_scope", scope="orders:read"`},
		{rule, "down", "503", ""},
		{rule, "faulty", "500", ""},
		{"/orders.http/Offers", "", "hello nobody", ""},
		{"/orders.http/Offers", "narrow", "hello user", ""},
		{"/orders.http/Offers", "old", "401", `Bearer realm="orders", error="invalid_token", error_description="the token has expired"`},
		{"/orders.http/Prices", "old", "hello nobody", ""},
		{"/orders.internal/Any", "good", "403", `Bearer realm="orders", error="insufficient_scope", error_description="the token lacks a required permission"`},
	} {
		for _, major := range []int{1, 2} {
			client := serve(t, major, httpauth.Middleware(auth, test.rule)(http.HandlerFunc(hello)))
			res, body, err := do(t, client, newRequest(t, http.MethodGet, test.token, ""))
			got := body
			if res.StatusCode != http.StatusOK {
				got = res.Status[:3]
			}
			if err != nil || got != test.want || res.Header.Get("WWW-Authenticate") != test.challenge {
				t.Errorf("HTTP/%d, %s, %q: %s, %s, %v", major, test.rule, test.token, got, res.Header.Get("WWW-Authenticate"), err)
			}
		}
	}
}

func TestTwoTokensAreRefused(t *testing.T) {
	client := serve(t, 1, httpauth.Middleware(newAuth(t, nil), rule)(http.HandlerFunc(hello)))
	req := newRequest(t, http.MethodGet, "good", "")
	req.Header.Add("Authorization", "Bearer good")
	if res, body, _ := do(t, client, req); res.StatusCode != http.StatusUnauthorized || !strings.Contains(body, "INVALID_REQUEST") {
		t.Errorf("%s: %s", res.Status, body)
	}
}

func TestObserverSeesTheRuleAsTheProcedure(t *testing.T) {
	var seen decisions
	client := serve(t, 1, httpauth.Middleware(newAuth(t, &seen), rule)(http.HandlerFunc(hello)))
	for _, token := range []string{"good", "narrow"} {
		do(t, client, newRequest(t, http.MethodGet, token, ""))
	}
	if len(seen) != 2 {
		t.Fatalf("%d decisions, want 2", len(seen))
	}
	for i, code := range []interceptor.Code{interceptor.CodeOK, interceptor.CodePermissionDenied} {
		d := seen[i]
		if d.Procedure != rule || d.Rule != rule || d.Peer != "bufconn" || d.Code != code || d.Stage != interceptor.StageStart {
			t.Errorf("%+v, want %v", d, code)
		}
	}
}

// A router in between may have taken some of the path away. What a client signs, it hasn't.
func TestHandlerLearnsTheURLThatTheClientSent(t *testing.T) {
	var got interceptor.Connection
	guard := httpauth.Middleware(newAuth(t, nil), rule)
	server := httptest.NewTLSServer(http.StripPrefix("/api", guard(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got = interceptor.ConnectionFromContext(r.Context())
	}))))
	defer server.Close()
	req := newRequest(t, http.MethodGet, "good", "")
	req.URL.Scheme, req.URL.Host, req.URL.Path = "https", server.Listener.Addr().String(), "/api/orders"
	do(t, server.Client(), req)
	if got.TLS == nil || got.Method != http.MethodGet || got.URL == nil || got.URL.Path != "/api/orders" {
		t.Errorf("%+v", got)
	}
}

func TestPreflightsAreJudgedUnlessAnOptionSaysOtherwise(t *testing.T) {
	preflight := map[string]string{"Origin": "https://page.test", "Access-Control-Request-Method": "GET"}
	for _, test := range []struct {
		name    string
		method  string
		header  map[string]string
		options []httpauth.Option
		want    int
	}{
		{"a preflight", http.MethodOptions, preflight, nil, http.StatusUnauthorized},
		{"a preflight, passed", http.MethodOptions, preflight, []httpauth.Option{httpauth.WithPreflights()}, http.StatusOK},
		{"another method", http.MethodGet, preflight, []httpauth.Option{httpauth.WithPreflights()}, http.StatusUnauthorized},
		{
			"no origin", http.MethodOptions, map[string]string{"Access-Control-Request-Method": "GET"},
			[]httpauth.Option{httpauth.WithPreflights()}, http.StatusUnauthorized,
		},
		{
			"no method asked for", http.MethodOptions, map[string]string{"Origin": "https://page.test"},
			[]httpauth.Option{httpauth.WithPreflights()}, http.StatusUnauthorized,
		},
	} {
		client := serve(t, 1, httpauth.Middleware(newAuth(t, nil), rule, test.options...)(http.HandlerFunc(hello)))
		req := newRequest(t, test.method, "", "")
		for key, value := range test.header {
			req.Header.Set(key, value)
		}
		if res, _, _ := do(t, client, req); res.StatusCode != test.want {
			t.Errorf("%s: status %d, want %d", test.name, res.StatusCode, test.want)
		}
	}
}

func TestMiddlewareNamesItsMistakes(t *testing.T) {
	auth := newAuth(t, nil)
	for want, build := range map[string]func(){
		"httpauth: the Authenticator is nil":            func() { httpauth.Middleware(nil, rule) },
		"httpauth: Middleware was given a nil Option":   func() { httpauth.Middleware(auth, rule, nil) },
		`interceptor: Policy has no rule "/orders/Lst"`: func() { httpauth.Middleware(auth, "/orders/Lst") },
		`the rule "/orders" must be of the form`:        func() { httpauth.Middleware(auth, "/orders") },
		`the rule "/orders.http/*" must be of the form`: func() { httpauth.Middleware(auth, "/orders.http/*") },
	} {
		func() {
			defer func() {
				if got, _ := recover().(string); !strings.Contains(got, want) {
					t.Errorf("got %q, want %q", got, want)
				}
			}()
			build()
		}()
	}
	open, err := interceptor.New(newTokens())
	if err != nil {
		t.Fatal(err)
	}
	httpauth.Middleware(open, "/any.http/Name") // no policy to misspell
}

func TestCheckPolicyKnowsNamedRules(t *testing.T) {
	auth, err := interceptor.New(newTokens(), interceptor.WithPolicy(interceptor.Policy{rule: {}, "/orders.http/Gone": {}}))
	if err != nil {
		t.Fatal(err)
	}
	err = auth.CheckPolicy([]string{rule})
	if err == nil || err.Error() != `interceptor: Policy["/orders.http/Gone"] matches no procedure` {
		t.Errorf("got %v", err)
	}
}

func TestResponsesToAdmittedCallersStayPrivate(t *testing.T) {
	for _, test := range []struct {
		name, method, rule, token string
		own                       string // the handler's own Cache-Control
		cache, vary               string
	}{
		{"a caller", http.MethodGet, rule, "good", "", "private", "Accept, Authorization"},
		{"HEAD", http.MethodHead, rule, "good", "", "private", "Accept, Authorization"},
		{"the handler's choice", http.MethodGet, rule, "good", "public", "public", "Accept, Authorization"},
		{"no caches", http.MethodPost, rule, "good", "", "", "Accept"},
		{"an anonymous caller", http.MethodGet, "/orders.http/Offers", "", "", "", "Accept, Authorization"},
		{"a public rule", http.MethodGet, "/orders.http/Prices", "good", "", "", "Accept"},
		{"a refusal", http.MethodGet, rule, "narrow", "", "private", ""},
	} {
		for _, flushes := range []bool{false, true} {
			client := serve(t, 1, httpauth.Middleware(newAuth(t, nil), test.rule)(
				http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Vary", "Accept")
					if test.own != "" {
						w.Header().Set("Cache-Control", test.own)
					}
					if flushes {
						w.(http.Flusher).Flush()
					}
					_, _ = w.Write([]byte("x"))
				})))
			res, _, _ := do(t, client, newRequest(t, test.method, test.token, ""))
			cache, vary := res.Header.Get("Cache-Control"), strings.Join(res.Header.Values("Vary"), ", ")
			if cache != test.cache || vary != test.vary {
				t.Errorf("%s, flushed = %v: Cache-Control: %s, Vary: %s", test.name, flushes, cache, vary)
			}
		}
	}
}
