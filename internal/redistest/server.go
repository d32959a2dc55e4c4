// Package redistest runs a real redis-server for tests. OIDCRPC_REDIS_SERVER can name it, as
// .ci/redis-server prints it. By default it's the installed one.
package redistest

import (
	"bufio"
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

const patience = time.Minute // for a server to start

// A Server listens on a socket, in a folder of its own.
type Server struct {
	program, dir string
	args         []string
	running      *exec.Cmd
	output       bytes.Buffer
}

// Start runs a server until the test ends, and returns once it answers. By default it keeps
// nothing on disk. Without a redis-server the test is skipped.
func Start(t *testing.T, args ...string) *Server {
	t.Helper()
	program := os.Getenv("OIDCRPC_REDIS_SERVER")
	if program == "" {
		installed, err := exec.LookPath("redis-server")
		if err != nil {
			t.Skip("install redis-server, or set OIDCRPC_REDIS_SERVER to what .ci/redis-server prints")
		}
		program = installed
	}
	dir, err := os.MkdirTemp("", "redis") //nolint:usetesting // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{program: program, dir: dir, args: args}
	t.Cleanup(func() {
		s.Kill()
		_ = os.RemoveAll(dir)
	})
	s.Restart(t)
	return s
}

// Durable returns the arguments for a server which has each change on disk before it answers.
func Durable() []string { return []string{"--appendonly", "yes", "--appendfsync", "always"} }

// Socket is where the server listens.
func (s *Server) Socket() string { return filepath.Join(s.dir, "socket") }

// Kill ends the server without a chance to tidy up.
func (s *Server) Kill() {
	if s.running != nil {
		_ = s.running.Process.Kill()
		_ = s.running.Wait()
	}
	s.running = nil
}

// Signal sends the server a signal.
func (s *Server) Signal(t *testing.T, signal os.Signal) {
	t.Helper()
	if err := s.running.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
}

// Restart kills the server if it runs, and starts it anew with what's on disk.
func (s *Server) Restart(t *testing.T) {
	t.Helper()
	s.Kill()
	args := append([]string{
		"--port", "0", "--unixsocket", s.Socket(), "--dir", s.dir, "--save", "", "--daemonize", "no",
	}, s.args...)
	s.running = exec.Command(s.program, args...) //nolint:gosec,noctx // it outlives calls, and the developer names it
	s.output.Reset()
	s.running.Stdout, s.running.Stderr = &s.output, &s.output
	if err := s.running.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); !s.answers(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.Kill()
			t.Fatalf("redis-server doesn't answer:\n%s", &s.output)
		}
	}
}

func (s *Server) answers() bool {
	conn, err := net.Dial("unix", s.Socket()) //nolint:noctx // it's a file on this host
	if err != nil {
		return false
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return false
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	return err == nil && line == "+PONG\r\n"
}
