package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start runs the program, and returns what it says at first and a function that interrupts it.
func start(t *testing.T, args ...string) (said string, interrupt func() (rest string)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, stdout := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, stdout, append([]string{"-addr", "127.0.0.1:0"}, args...))
		_ = stdout.Close()
	}()
	lines := bufio.NewScanner(out)
	var text strings.Builder
	for lines.Scan() {
		text.WriteString(lines.Text() + "\n")
		if strings.HasPrefix(lines.Text(), "Stop with") {
			break
		}
	}
	return text.String(), func() string {
		cancel()
		var rest strings.Builder
		for lines.Scan() {
			rest.WriteString(lines.Text() + "\n")
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		return rest.String()
	}
}

// after returns the word behind a label.
func after(t *testing.T, text, label string) string {
	t.Helper()
	_, rest, ok := strings.Cut(text, "\n"+label)
	fields := strings.Fields(rest)
	if !ok || len(fields) == 0 {
		t.Fatalf("%s isn't in\n%s", label, text)
	}
	return fields[0]
}

func newVerifier(t *testing.T, issuer, audience string) *verifier.Verifier {
	t.Helper()
	v, err := verifier.New(verifier.Config{Issuer: issuer, Audiences: []string{audience}})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// post returns the status and body of an answer.
func post(t *testing.T, url, form string, header ...string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(form))
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for n := 0; n < len(header); n += 2 {
		req.Header.Set(header[n], header[n+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

func TestIssuerIsTrustedAsItSays(t *testing.T) {
	said, interrupt := start(t, "-typ", "JWT", "-audience", "https://orders.example")
	if !strings.Contains(said, "NOT PRODUCTION") {
		t.Errorf("there is no warning in\n%s", said)
	}
	url, audience := after(t, said, "Issuer"), after(t, said, "Audience")
	if audience != "https://orders.example" {
		t.Errorf("the audience is %s", audience)
	}
	v := newVerifier(t, url, audience)
	_, token := post(t, url+"/token", "grant_type=password&username=alice&scope=orders:read", "Accept", "application/jwt")
	claims, err := v.Verify(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	if claims.Subject() != "alice" || !claims.HasScope("orders:read") || claims.AuthTime().IsZero() {
		t.Errorf("the claims are %v", claims)
	}
	if lives := claims.Expiry().Sub(claims.IssuedAt()).Hours(); lives != 1 {
		t.Errorf("the token lives for %v hours, want 1", lives)
	}

	if status, _ := post(t, url+"/rotate", ""); status != http.StatusOK {
		t.Errorf("rotate: %d", status)
	}
	_, token = post(t, url+"/token", "grant_type=client_credentials", "Accept", "application/jwt")
	if _, err := v.Verify(t.Context(), token); err != nil {
		t.Errorf("a token of the new key: %v", err)
	}
	if rest := interrupt(); !strings.Contains(rest, "Goodbye") {
		t.Errorf("it says %q at the end", rest)
	}
}

func TestIssuerFailsAndHeals(t *testing.T) {
	said, interrupt := start(t)
	defer interrupt()
	url := after(t, said, "Issuer")
	const form = "grant_type=client_credentials"
	for _, step := range []struct {
		path string
		want int // from the token endpoint, afterwards
	}{{"/fail", http.StatusServiceUnavailable}, {"/rotate", http.StatusServiceUnavailable}, {"/heal", http.StatusOK}} {
		if status, body := post(t, url+step.path, ""); status != http.StatusOK || body == "" {
			t.Errorf("%s: %d %q", step.path, status, body)
		}
		if status, _ := post(t, url+"/token", form); status != step.want {
			t.Errorf("after %s: %d, want %d", step.path, status, step.want)
		}
	}
}

func TestKeyInAFileOutlivesARestart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "dev.pem")
	for _, algorithm := range []string{"RS256", "ES256"} {
		if err := os.RemoveAll(file); err != nil {
			t.Fatal(err)
		}
		var sets [3]string
		for n, args := range [][]string{{"-key", file, "-alg", algorithm}, {"-key", file}, nil} {
			o, err := parse(args)
			if err != nil {
				t.Fatal(err)
			}
			issuer, err := newIssuer(&o)
			if err != nil {
				t.Fatal(err)
			}
			sets[n] = string(issuer.JWKS())
		}
		if sets[0] != sets[1] || sets[1] == sets[2] || !strings.Contains(sets[0], algorithm) {
			t.Errorf("%s: the keys are %q", algorithm, sets)
		}
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("the file is %v, %v", info.Mode(), err)
	}
	for name, args := range map[string][]string{
		"another algorithm": {"-key", file, "-alg", "RS256"},
		"no algorithm":      {"-alg", "HS256"},
		"no file":           {"-key", t.TempDir()},
	} {
		o, err := parse(args)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := newIssuer(&o); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	if err := os.WriteFile(file, []byte("none"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := newIssuer(&options{keyFile: file}); err == nil {
		t.Error("a file without a key is accepted")
	}
}

func TestOtherHostsAreLetInOnlyIfAskedFor(t *testing.T) {
	listening := func(args ...string) error {
		o, err := parse(args)
		if err != nil {
			t.Fatal(err)
		}
		listener, err := listen(t.Context(), &o)
		if err == nil {
			_ = listener.Close()
		}
		return err
	}
	if err := listening("-addr", "0.0.0.0:0", "-url", "http://issuer:9000"); err == nil {
		t.Error("every host can reach it, unasked")
	}
	if err := listening("-addr", "0.0.0.0:0", "-expose"); err == nil {
		t.Error("its URL is unknown")
	}
	if err := listening("-addr", "0.0.0.0:0", "-expose", "-url", "http://issuer:9000"); err != nil {
		t.Error(err)
	}
	if err := listening("-addr", "localhost:0"); err != nil {
		t.Error(err)
	}
}

func TestOnlyFlagsAreTaken(t *testing.T) {
	if err := run(t.Context(), io.Discard, []string{"serve"}); err == nil || !strings.Contains(err.Error(), `"serve"`) {
		t.Errorf("an argument: %v", err)
	}
	if _, err := parse([]string{"-h"}); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("-h: %v", err)
	}
}

func TestPagesAreLetInByTheirOrigin(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer(verifiertest.WithTokenEndpoint(nil))
	for _, test := range []struct {
		origin  string
		origins []string
		want    bool
	}{
		{"", nil, true}, // no page
		{"http://localhost:5173", nil, true},
		{"https://shop.localhost", nil, true},
		{"http://127.0.0.1:3000", nil, true},
		{"http://[::1]:3000", nil, true},
		{"https://evil.example", nil, false},
		{"https://localhost.evil.example", nil, false},
		{"https://127.0.0.1.evil.example", nil, false},
		{"null", nil, false},
		{"ftp://localhost", nil, false},
		{"https://shop.example", []string{"https://shop.example"}, true},
		{"https://shop.example:8443", []string{"https://shop.example"}, false},
		{"https://evil.example", []string{"*"}, true},
	} {
		handler := newHandler(issuer, test.origins)
		for _, path := range []string{"/token", "/rotate", "/jwks"} {
			for _, method := range []string{http.MethodOptions, http.MethodPost} {
				req := httptest.NewRequest(method, path, strings.NewReader("grant_type=client_credentials"))
				req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				if test.origin != "" {
					req.Header.Set("Origin", test.origin)
				}
				res := httptest.NewRecorder()
				handler.ServeHTTP(res, req)
				if refused := res.Code == http.StatusForbidden; refused == test.want {
					t.Errorf("%s %s from %q, with %q: %d", method, path, test.origin, test.origins, res.Code)
				}
				allowed := res.Header().Get("Access-Control-Allow-Origin")
				if test.origin != "" && (allowed == test.origin) != test.want {
					t.Errorf("%s %s from %q, with %q: %q is allowed", method, path, test.origin, test.origins, allowed)
				}
			}
		}
	}
}

func TestPreflightAllowsWhatTokensNeed(t *testing.T) {
	t.Parallel()
	req := httptest.NewRequest(http.MethodOptions, "/token", nil)
	req.Header.Set("Origin", "http://localhost:5173")
	res := httptest.NewRecorder()
	newHandler(verifiertest.NewIssuer(), nil).ServeHTTP(res, req)
	if res.Code != http.StatusNoContent || res.Header().Get("Vary") != "Origin" ||
		!strings.Contains(res.Header().Get("Access-Control-Allow-Headers"), "Authorization") ||
		!strings.Contains(res.Header().Get("Access-Control-Allow-Methods"), "POST") {
		t.Errorf("%d %v", res.Code, res.Header())
	}
}

func TestSwitchesTakePOSTAlone(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer(verifiertest.WithURL("http://issuer:9000/realm"))
	handler := newHandler(issuer, nil)
	before := string(issuer.JWKS())
	for _, path := range []string{"/realm/rotate", "/realm/fail", "/realm/heal"} {
		res := httptest.NewRecorder()
		handler.ServeHTTP(res, httptest.NewRequest(http.MethodGet, path, nil))
		if res.Code != http.StatusMethodNotAllowed || res.Header().Get("Allow") != http.MethodPost {
			t.Errorf("GET %s: %d", path, res.Code)
		}
	}
	if string(issuer.JWKS()) != before {
		t.Error("a GET changed the keys")
	}
	res := httptest.NewRecorder()
	handler.ServeHTTP(res, httptest.NewRequest(http.MethodGet, "/realm/", nil))
	if !strings.Contains(res.Body.String(), "http://issuer:9000/realm/rotate") {
		t.Errorf("the page is %q", res.Body)
	}
}
