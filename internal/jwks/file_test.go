package jwks

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A hung file system holds a thread for each look.
func TestAFileIsNotLookedAtWhileALookHangs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jwks.json")
	if err := os.WriteFile(path, document(entry("a", ed1)), 0o600); err != nil {
		t.Fatal(err)
	}
	f := &file{config: Config{JWKSFile: path, TTL: time.Minute}}
	f.isBusy.Store(true)
	if _, _, err := f.Read(t.Context(), nil, false); err == nil || !strings.HasSuffix(err.Error(), "still hangs") {
		t.Errorf("Read: %v, want it to say that a look still hangs", err)
	}
	f.isBusy.Store(false)
	for range 2 {
		if _, _, err := f.Read(t.Context(), nil, false); err != nil {
			t.Errorf("Read: %v", err)
		}
	}
}
