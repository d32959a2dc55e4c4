package clients_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	connectcors "connectrpc.com/cors"
	"github.com/rs/cors"

	"github.com/oidcrpc/oidcrpc/connectauth"
	connectauthv2 "github.com/oidcrpc/oidcrpc/connectauth/v2"
	"github.com/oidcrpc/oidcrpc/examples/greet"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier/dpop"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// A call is what the page is asked for.
type call struct {
	URL      string `json:"url"`
	Protocol string `json:"protocol"`
	Stream   bool   `json:"stream"`
	Get      bool   `json:"get"`
	Token    string `json:"token"`
	Prove    bool   `json:"prove"` // the page has a token bound to its own key

	name string
	want result
}

// A result is what the page saw.
type result struct {
	OK        string   `json:"ok"`
	Code      string   `json:"code"`
	Message   string   `json:"message"`
	Challenge string   `json:"challenge"`
	Details   []string `json:"details"`
}

func TestPageSeesEveryOutcome(t *testing.T) {
	needs(t, "chromium", "npm")
	issuer := verifiertest.NewIssuer()
	auth := newAuth(t, issuer)
	servers := map[string]http.Handler{
		"v1":                 greet.NewConnectV1Handler(auth),
		"v1 with middleware": connectauth.NewMiddleware(auth).Wrap(greet.NewConnectV1Handler(auth)),
		"v2":                 greet.NewConnectHandler(auth),
		"v2 with middleware": connectauthv2.NewMiddleware(auth).Wrap(greet.NewConnectHandler(auth)),
	}
	outcomes := []struct {
		name, token string
		want        result
	}{
		{"a good token", issuer.Token(map[string]any{"scope": "greet"}), result{}},
		{"no token", "", result{Code: "Unauthenticated", Challenge: `Bearer realm="api"`}},
		{"an expired token", issuer.Token(map[string]any{"exp": time.Now().Add(-time.Hour).Unix()}),
			result{Code: "Unauthenticated", Challenge: `Bearer realm="api", error="invalid_token", error_description="the token has expired"`}},
		{"a missing scope", issuer.Token(nil),
			result{Code: "PermissionDenied", Challenge: `Bearer realm="api", error="insufficient_scope", scope="greet"`}},
	}
	var calls []call
	for server, handler := range servers {
		url := serve(t, allow(auth, handler))
		for _, outcome := range outcomes {
			for _, kind := range []call{{Protocol: "connect"}, {Protocol: "connect", Get: true}, {Protocol: "connect", Stream: true},
				{Protocol: "grpc-web"}, {Protocol: "grpc-web", Stream: true}} {
				kind.URL, kind.Token, kind.want = url, outcome.token, outcome.want
				kind.name = fmt.Sprintf("%s, %s, stream %t, GET %t, %s", server, kind.Protocol, kind.Stream, kind.Get, outcome.name)
				calls = append(calls, kind)
			}
		}
	}
	// A page that holds a key proves in each call that it does, and learns the nonce that the server asks for.
	for server, wrap := range map[string]func(*interceptor.Authenticator) http.Handler{
		"v1": greet.NewConnectV1Handler,
		"v1 with middleware": func(auth *interceptor.Authenticator) http.Handler {
			return connectauth.NewMiddleware(auth).Wrap(greet.NewConnectV1Handler(auth))
		},
		"v2": greet.NewConnectHandler,
	} {
		url := serveAt(t, func(url string) http.Handler {
			bound := newAuth(t, issuer, interceptor.WithDPoP(dpop.Config{Origins: []string{url}, RequireNonce: true}))
			return allow(bound, wrap(bound))
		})
		for _, kind := range []call{{Protocol: "connect"}, {Protocol: "connect", Get: true}, {Protocol: "connect", Stream: true},
			{Protocol: "grpc-web"}, {Protocol: "grpc-web", Stream: true}} {
			kind.URL, kind.Prove = url, true
			kind.name = fmt.Sprintf("%s, %s, stream %t, GET %t, a bound token", server, kind.Protocol, kind.Stream, kind.Get)
			calls = append(calls, kind)
		}
	}
	// Without our list no call with a token even leaves the browser.
	plain := serve(t, cors.New(cors.Options{
		AllowedOrigins: []string{"*"}, AllowedMethods: connectcors.AllowedMethods(), AllowedHeaders: connectcors.AllowedHeaders(),
	}).Handler(greet.NewConnectV1Handler(auth)))
	calls = append(calls, call{URL: plain, Protocol: "connect", Token: outcomes[0].token, name: "without our headers",
		want: result{Code: "Unknown", Message: "Failed to fetch"}})

	for i, got := range browse(t, issuer, calls) {
		want := calls[i].want
		switch {
		case want.Code == "":
			if got.OK == "" {
				t.Errorf("%s: %+v, want a greeting", calls[i].name, got)
			}
		case got.Code != want.Code || got.Challenge != want.Challenge || want.Message != "" && got.Message != want.Message:
			t.Errorf("%s: %+v, want %+v", calls[i].name, got, want)
		case want.Challenge != "" && !slices.Contains(got.Details, "google.rpc.ErrorInfo"):
			t.Errorf("%s: details = %q, want an ErrorInfo", calls[i].name, got.Details)
		}
	}
	t.Logf("%d calls from a page", len(calls))
}

// allow is CORS as a user writes it.
func allow(auth *interceptor.Authenticator, handler http.Handler) http.Handler {
	return cors.New(cors.Options{
		AllowedOrigins: []string{"*"},
		AllowedMethods: connectcors.AllowedMethods(),
		AllowedHeaders: append(connectcors.AllowedHeaders(), auth.AllowedHeaders()...),
		ExposedHeaders: append(connectcors.ExposedHeaders(), auth.ExposedHeaders()...),
	}).Handler(handler)
}

// browse opens a page that makes the calls, and returns what it saw.
func browse(t *testing.T, issuer *verifiertest.Issuer, calls []call) (results []result) {
	t.Helper()
	input, err := json.Marshal(map[string]any{"calls": calls, "descriptors": descriptors(t)})
	if err != nil {
		t.Fatal(err)
	}
	page := "<!DOCTYPE html><body><script type=application/json id=input>" + string(input) +
		"</script><script type=module src=/page.js></script>"
	script := bundle(t)
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(page))
	})
	mux.HandleFunc("/page.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		_, _ = w.Write(script)
	})
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		cnf := map[string]any{"jkt": r.FormValue("jkt")}
		_, _ = w.Write([]byte(issuer.Token(map[string]any{"scope": "greet", "cnf": cnf})))
	})
	seen := make(chan []byte, 1)
	mux.HandleFunc("POST /results", func(_ http.ResponseWriter, r *http.Request) {
		if body, err := io.ReadAll(r.Body); err == nil {
			seen <- body
		}
	})
	cmd := exec.CommandContext(t.Context(), "chromium", "--headless", "--no-sandbox", "--disable-gpu",
		"--disable-dev-shm-usage", "--remote-debugging-port=0", "--user-data-dir="+t.TempDir(), serve(t, mux))
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	}()
	select {
	case body := <-seen:
		if err := json.Unmarshal(body, &results); err != nil {
			t.Fatal(err)
		}
	case <-time.After(5 * time.Minute):
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		t.Fatalf("the page made no calls within 5 minutes:\n%s", complaints.String())
	}
	if len(results) != len(calls) {
		t.Fatalf("the page made %d calls, want %d", len(results), len(calls))
	}
	return results
}

// bundle returns the page's script with its packages.
func bundle(t *testing.T) []byte {
	t.Helper()
	dir := nodeFolder(t)
	run(t, dir, "node_modules/.bin/esbuild", "page.js", "--bundle", "--format=esm", "--outfile=out.js")
	script, err := os.ReadFile(filepath.Join(dir, "out.js"))
	if err != nil {
		t.Fatal(err)
	}
	return script
}
