package wire_test

import (
	"strings"
	"sync"
	"testing"
)

// A logbook keeps what is written to it, so that a test can ask for silence.
type logbook struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logbook) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Reset()
}

// checkEmpty reports what was written since it was last called.
func (l *logbook) checkEmpty(t *testing.T, name string) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.text.Len() > 0 {
		t.Errorf("%s holds: %s", name, l.text.String())
	}
	l.text.Reset()
}
