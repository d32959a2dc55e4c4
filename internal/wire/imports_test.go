package wire_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// A program compiles the framework it uses, and no other.
func TestAdaptersCompileOneFrameworkEach(t *testing.T) {
	const ours = "github.com/oidcrpc/oidcrpc/"
	frameworks := map[string]string{ // the package that each program compiles
		"grpcauth":           "google.golang.org/grpc",
		"connectauth":        "connectrpc.com/connect",
		"connectauth/v2":     "connectrpc.com/connect/v2",
		"interceptor":        "",
		"interceptor/client": "",
		"internal/earlyhttp": "",
	}
	for pkg, own := range frameworks {
		list, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ours+pkg).Output()
		if err != nil {
			t.Fatalf("go list: %v", err)
		}
		deps := strings.Fields(string(list))
		for other, framework := range frameworks {
			if framework == "" {
				continue
			}
			if got, want := slices.Contains(deps, framework), framework == own; got != want {
				t.Errorf("%s compiles %s = %v, want %v", pkg, framework, got, want)
			}
			if got, want := slices.Contains(deps, ours+other), other == pkg; got != want {
				t.Errorf("%s compiles %s = %v, want %v", pkg, other, got, want)
			}
		}
	}
}
