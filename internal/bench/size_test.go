package main

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// What a server never calls isn't linked, if nothing keeps the linker from seeing it.
func TestServersLinkNoMoreThanTheyNeed(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds a server")
	}
	path := filepath.Join(t.TempDir(), "server")
	if _, err := sizeOf(path, "grpcnotrace,guarded", ""); err != nil {
		t.Fatal(err)
	}
	symbols, err := exec.Command("go", "tool", "nm", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	for symbol, isNeeded := range map[string]bool{
		"github.com/oidcrpc/oidcrpc/verifier.(*Verifier).Verify":     true,
		"github.com/oidcrpc/oidcrpc/verifier.(*Claims).Decode":       false,
		"github.com/go-json-experiment/json.unmarshalDecode":         false,
		"github.com/oidcrpc/oidcrpc/internal/jws.NewSigner":          false,
		"github.com/oidcrpc/oidcrpc/interceptor/client.NewDPoP":      false,
		"github.com/oidcrpc/oidcrpc/interceptor.(*policy).check":     false,
		"github.com/oidcrpc/oidcrpc/verifier/revocation.(*List).Run": false,
	} {
		isLinked := regexp.MustCompile(`(?m) ` + regexp.QuoteMeta(symbol) + `$`).Match(symbols)
		if isLinked != isNeeded {
			t.Errorf("%s is linked: %v, want %v", symbol, isLinked, isNeeded)
		}
	}
}
