package e2e_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A route is where a proxy listens for the calls to a server.
type route struct{ server, front string }

func startNginx(t *testing.T, routes []route) {
	t.Helper()
	dir := t.TempDir()
	var config strings.Builder
	fmt.Fprintf(&config, "daemon off; error_log %s/error.log; pid %[1]s/pid; events {}\nhttp { access_log off;\n", dir)
	for _, name := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&config, "%s_temp_path %s/%[1]s;\n", name, dir)
	}
	for _, r := range routes {
		fmt.Fprintf(&config, "server { listen %s http2; location / { grpc_pass grpc://%s; } }\n", r.front, r.server)
	}
	config.WriteString("}\n")
	startProxy(t, writeFile(t, dir, "nginx.conf", config.String()), "nginx", "-e", filepath.Join(dir, "error.log"), "-c")
}

func startHAProxy(t *testing.T, routes []route) {
	t.Helper()
	config := "defaults\n mode http\n timeout connect 5s\n timeout client 1m\n timeout server 1m\n"
	for i, r := range routes {
		config += fmt.Sprintf("listen l%d\n bind %s proto h2\n server s %s proto h2\n", i, r.front, r.server)
	}
	startProxy(t, writeFile(t, t.TempDir(), "haproxy.cfg", config), "haproxy", "-db", "-f")
}

func writeFile(t *testing.T, dir, name, text string) (path string) {
	t.Helper()
	path = filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// startProxy runs a program with its configuration until the test ends. Clients wait
// until it listens.
func startProxy(t *testing.T, config, program string, arguments ...string) {
	t.Helper()
	cmd := exec.Command(program, append(arguments, config)...)
	cmd.Stdout, cmd.Stderr = t.Output(), t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	})
}

func freeAddr(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}
