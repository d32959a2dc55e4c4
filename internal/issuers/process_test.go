package issuers_test

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

const patience = 2 * time.Minute // for what a program does when it starts or ends

// needs skips the test unless it was asked for and has what it needs.
func needs(t *testing.T, tools ...string) {
	t.Helper()
	if os.Getenv("OIDCRPC_ISSUERS") == "" {
		t.Skip("set OIDCRPC_ISSUERS=1 to run real issuers")
	}
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed", tool)
		}
	}
}

// A process is an issuer's program on a port of this host. It's started anew by restart.
type process struct {
	command func() *exec.Cmd
	probe   string // a URL that is answered when the program is ready
	client  *http.Client

	running *exec.Cmd
	output  *bytes.Buffer
	ended   chan error
}

// start waits until the program is ready. It stops with the test.
func (p *process) start(t *testing.T) {
	t.Helper()
	p.running, p.output, p.ended = p.command(), new(bytes.Buffer), make(chan error, 1)
	p.running.Stdout, p.running.Stderr = p.output, p.output
	p.running.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	running, ended := p.running, p.ended
	if err := running.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { ended <- running.Wait() }()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for !p.isReady(ctx) {
		select {
		case err := <-p.ended:
			t.Fatalf("%s: %v\n%s", p.running.Path, err, p.output)
		case <-ctx.Done():
			p.stop(t)
			t.Fatalf("%s is not ready\n%s", p.running.Path, p.output)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (p *process) isReady(ctx context.Context) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.probe, nil)
	if err != nil {
		return false
	}
	res, err := p.client.Do(req)
	if err != nil {
		return false
	}
	_ = res.Body.Close()
	return res.StatusCode < http.StatusInternalServerError
}

func (p *process) stop(t *testing.T) {
	t.Helper()
	if p.running == nil {
		return
	}
	p.signal(t, syscall.SIGCONT)
	p.signal(t, syscall.SIGKILL)
	<-p.ended
	p.running = nil
}

func (p *process) restart(t *testing.T) {
	t.Helper()
	p.stop(t)
	p.start(t)
}

// freeze leaves the program's sockets open, and has it answer nothing.
func (p *process) freeze(t *testing.T) { t.Helper(); p.signal(t, syscall.SIGSTOP) }

func (p *process) thaw(t *testing.T) { t.Helper(); p.signal(t, syscall.SIGCONT) }

func (p *process) signal(t *testing.T, signal syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(-p.running.Process.Pid, signal); err != nil {
		t.Errorf("%v: %v", signal, err)
	}
}

// freeAddress returns an address on this host without a listener.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// workshop returns a folder to install packages and build programs in, with copies of files
// in testdata. The next run finds it as this one leaves it.
func workshop(t *testing.T, name string, files map[string]string) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cache, "oidcrpc-issuers", name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for to, from := range files {
		text, err := os.ReadFile(filepath.Join("testdata", name, from))
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(dir, to), text)
	}
	return dir
}

func writeFile(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// execute runs a command in a folder to its end.
func execute(t *testing.T, dir string, env []string, name string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, output)
	}
}

// build compiles a program whose module is too large to be one of ours.
func build(t *testing.T, dir, program, pkg string, flags ...string) {
	t.Helper()
	args := append([]string{"build", "-mod=mod", "-o", program}, flags...)
	execute(t, dir, []string{"GOWORK=off", "GOFLAGS="}, "go", append(args, pkg)...)
}
