package verifier_test

import (
	"runtime"
	"strings"
	"testing"

	"github.com/oidcrpc/oidcrpc/verifier"
)

func TestKeySetMayListOnlySoManyKeys(t *testing.T) {
	t.Parallel()
	notary := newNotary(t)
	listing := func(others int) verifier.Config {
		config := notary.config(t)
		prefix := `{"keys":[` + strings.Repeat("{},", others)
		config.JWKS = []byte(prefix + strings.TrimPrefix(string(config.JWKS), `{"keys":[`))
		return config
	}
	if _, err := verifier.New(listing(4095)); err != nil {
		t.Errorf("4096 keys: %v", err)
	}
	_, err := verifier.New(listing(4096))
	if err == nil || !strings.Contains(err.Error(), "too many keys") {
		t.Errorf("4097 keys: %v, want an error that says so", err)
	}
}

func TestKeySetOfEmptyObjectsCostsLittle(t *testing.T) {
	notary := newNotary(t)
	config := notary.config(t)
	config.JWKS = []byte(`{"keys":[` + strings.Repeat("{},", 1<<20/3) + strings.TrimPrefix(string(config.JWKS), `{"keys":[`))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := verifier.New(config)
	runtime.ReadMemStats(&after)
	if err == nil {
		t.Error("a key set of 350 000 empty objects was taken")
	}
	if got := after.TotalAlloc - before.TotalAlloc; got > 64<<20 {
		t.Errorf("allocated %d bytes, want at most 64 MiB", got)
	}
}
