package telemetry_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
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

	"github.com/oidcrpc/oidcrpc/grpcauth"
	"github.com/oidcrpc/oidcrpc/verifier"
)

const (
	alerts    = "../../interceptor/otelauth/alerts.yaml"
	dashboard = "../../interceptor/otelauth/dashboard.json"
)

var (
	metricName = regexp.MustCompile(`\boidcrpc_[a-z_]+\b`)
	labelName  = regexp.MustCompile(`\b(?:oidcrpc_(?:code|rule|stage|issuer|outcome)|error_type)\b`)
)

// Each metric and label that the files name exists in what Prometheus reads.
func TestFilesNameMetricsAndLabelsThatExist(t *testing.T) {
	s := newService(t, unchanged)
	_ = callGRPC(t, "forged", grpcauth.ServerOptions(s.auth)...)
	if err := callGRPC(t, s.issuer.Token(nil), grpcauth.ServerOptions(s.auth)...); err != nil {
		t.Fatal(err)
	}
	page := httptest.NewRecorder()
	s.metrics.ServeHTTP(page, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	text := page.Body.String()
	var expressions strings.Builder
	for _, panel := range readDashboard(t).Panels {
		if len(panel.Targets) == 0 {
			t.Errorf("the panel %q shows nothing", panel.Title)
		}
		for _, target := range panel.Targets {
			expressions.WriteString(target.Expr + "\n")
		}
	}
	expressions.WriteString(read(t, alerts))
	for _, name := range metricName.FindAllString(expressions.String(), -1) {
		if !labelName.MatchString(name) && !strings.Contains(text, "\n"+name+"{") && !strings.Contains(text, "\n"+name+" ") {
			t.Errorf("there is no metric %s", name)
		}
	}
	for _, name := range labelName.FindAllString(expressions.String(), -1) {
		if !strings.Contains(text, name+"=") {
			t.Errorf("there is no label %s", name)
		}
	}
	if t.Failed() {
		t.Log(text)
	}
}

type dashboardFile struct {
	Title  string
	UID    string
	Panels []struct {
		ID      int
		Title   string
		Targets []struct{ Expr string }
	}
}

func readDashboard(t *testing.T) dashboardFile {
	t.Helper()
	var d dashboardFile
	if err := json.Unmarshal([]byte(read(t, dashboard)), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// An outage, as a Prometheus sees it that has loaded the alerts and scrapes the service.
func TestAlertsFireInAnOutage(t *testing.T) {
	program, err := exec.LookPath("prometheus")
	if os.Getenv("OIDCRPC_PROMETHEUS") == "" || err != nil {
		t.Skip("needs OIDCRPC_PROMETHEUS=1, and prometheus in PATH")
	}
	s := newService(t, func(c *verifier.Config) {
		c.KeysTTL, c.KeysMaxStale = time.Minute, 10*time.Minute // so that they run out within half an hour
	})
	server := httptest.NewServer(s.metrics)
	defer server.Close()
	firing := startPrometheus(t, program, server.Listener.Addr().String())
	call := func(token string) { _ = callGRPC(t, token, grpcauth.ServerOptions(s.auth)...) }

	call(s.issuer.Token(nil))
	if names := firing(); len(names) > 0 {
		t.Errorf("%q fire while all is well", names)
	}
	s.issuer.Fail(errors.New("the issuer is down"))
	s.issuer.Rotate()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(time.Second) {
		call(s.issuer.Token(nil)) // its key can't be had
		names := firing()
		if slices.Contains(names, "OidcrpcIssuerLost") && slices.Contains(names, "OidcrpcKeysRunOut") &&
			slices.Contains(names, "OidcrpcCallsFail") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("only %q fire", names)
		}
	}
	s.issuer.Fail(nil)
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(time.Second) {
		call(s.issuer.Token(nil))
		if names := firing(); !slices.Contains(names, "OidcrpcIssuerLost") && !slices.Contains(names, "OidcrpcKeysRunOut") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%q still fire after the outage", firing())
		}
	}
}

// startPrometheus returns a function that lists the alerts that fire. They fire at once here:
// nobody wants to wait for minutes in a test.
func startPrometheus(t *testing.T, program, target string) (firing func() []string) {
	t.Helper()
	dir := t.TempDir()
	rules := regexp.MustCompile(`for: \d+m`).ReplaceAllString(read(t, alerts), "for: 0s")
	write(t, filepath.Join(dir, "alerts.yaml"), rules)
	config := filepath.Join(dir, "prometheus.yaml")
	write(t, config, fmt.Sprintf("global: {scrape_interval: 1s, evaluation_interval: 1s}\n"+
		"rule_files: [alerts.yaml]\nscrape_configs: [{job_name: s, static_configs: [{targets: ['%s']}]}]\n", target))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	cmd := exec.CommandContext(t.Context(), program, "--config.file", config, "--storage.tsdb.path", filepath.Join(dir, "data"),
		"--web.listen-address", address, "--log.level", "warn")
	cmd.Stdout, cmd.Stderr = t.Output(), t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	ready := false
	for range 120 {
		if response, err := http.Get("http://" + address + "/-/ready"); err == nil { //nolint:noctx // a test's own server
			_ = response.Body.Close()
			if ready = response.StatusCode == http.StatusOK; ready {
				break
			}
		}
		time.Sleep(500 * time.Millisecond)
	}
	if !ready {
		t.Fatal("prometheus isn't ready")
	}
	return func() (names []string) {
		response, err := http.Get("http://" + address + "/api/v1/alerts") //nolint:noctx // as above
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
		var answer struct {
			Data struct {
				Alerts []struct {
					State  string
					Labels map[string]string
				}
			}
		}
		if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
			t.Fatal(err)
		}
		for _, alert := range answer.Data.Alerts {
			if alert.State == "firing" {
				names = append(names, alert.Labels["alertname"])
			}
		}
		return names
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
