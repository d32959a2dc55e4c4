//go:build unix

package verifier_test

import (
	"path/filepath"
	"syscall"
	"testing"
)

// irregular returns the paths of files that would block, or never end.
func irregular(t testing.TB) []string {
	t.Helper()
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{fifo, "/dev/zero"}
}
