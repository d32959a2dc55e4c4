package browser_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	connectcors "connectrpc.com/cors"
	"github.com/rs/cors"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/oidcrpc/oidcrpc/connectauth"
	connectauthv2 "github.com/oidcrpc/oidcrpc/connectauth/v2"
	"github.com/oidcrpc/oidcrpc/examples/greet"
	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

const (
	greetProcedure = "/greet.v1.GreetService/Greet"
	watchProcedure = "/greet.v1.GreetService/Watch"
)

// A call is what the page is asked for.
type call struct {
	URL      string `json:"url"`
	Protocol string `json:"protocol"`
	Stream   bool   `json:"stream"`
	Get      bool   `json:"get"`
	Token    string `json:"token"`

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
	v, err := verifier.New(issuer.Config())
	if err != nil {
		t.Fatal(err)
	}
	rule := interceptor.Rule{Require: verifier.Requirement{Scopes: []string{"greet"}}}
	auth, err := interceptor.New(v, interceptor.WithPolicy(interceptor.Policy{greetProcedure: rule, watchProcedure: rule}))
	if err != nil {
		t.Fatal(err)
	}
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
	// Without our list no call with a token even leaves the browser.
	plain := serve(t, cors.New(cors.Options{
		AllowedOrigins: []string{"*"}, AllowedMethods: connectcors.AllowedMethods(), AllowedHeaders: connectcors.AllowedHeaders(),
	}).Handler(greet.NewConnectV1Handler(auth)))
	calls = append(calls, call{URL: plain, Protocol: "connect", Token: outcomes[0].token, name: "without our headers",
		want: result{Code: "Unknown", Message: "Failed to fetch"}})

	for i, got := range browse(t, calls) {
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

func serve(t *testing.T, handler http.Handler) (url string) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

var output = regexp.MustCompile(`(?s)<script type="application/json" id="output">(.*?)</script>`)

// browse opens a page that makes the calls, and returns what it saw.
func browse(t *testing.T, calls []call) (results []result) {
	t.Helper()
	file := protodesc.ToFileDescriptorProto(greetv1.File_greet_v1_greet_proto)
	descriptors, err := proto.Marshal(&descriptorpb.FileDescriptorSet{File: []*descriptorpb.FileDescriptorProto{file}})
	if err != nil {
		t.Fatal(err)
	}
	input, err := json.Marshal(map[string]any{"calls": calls, "descriptors": base64.StdEncoding.EncodeToString(descriptors)})
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
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
		"--user-data-dir="+t.TempDir(), "--virtual-time-budget=120000", "--dump-dom", serve(t, mux))
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	document, err := cmd.Output()
	match := output.FindSubmatch(document)
	if err != nil || match == nil {
		t.Fatalf("chromium: %v\n%s\n%s", err, document, complaints.String())
	}
	if err := json.Unmarshal([]byte(html.UnescapeString(string(match[1]))), &results); err != nil {
		t.Fatal(err)
	}
	if len(results) != len(calls) {
		t.Fatalf("the page made %d calls, want %d", len(results), len(calls))
	}
	return results
}

// bundle returns the page's script with its packages.
func bundle(t *testing.T) []byte {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"package.json", "page.js"} {
		text, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, command := range []string{
		"npm install --no-audit --no-fund --ignore-scripts",
		"node_modules/.bin/esbuild page.js --bundle --format=esm --outfile=out.js",
	} {
		words := strings.Fields(command)
		cmd := exec.CommandContext(t.Context(), words[0], words[1:]...)
		cmd.Dir = dir
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", command, err, text)
		}
	}
	script, err := os.ReadFile(filepath.Join(dir, "out.js"))
	if err != nil {
		t.Fatal(err)
	}
	return script
}

// needs skips the test unless it was asked for and has what it needs.
func needs(t *testing.T, tools ...string) {
	t.Helper()
	if os.Getenv("OIDCRPC_BROWSER") == "" {
		t.Skip("set OIDCRPC_BROWSER=1 to run a real browser")
	}
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed", tool)
		}
	}
}
