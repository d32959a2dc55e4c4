package otelauth

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/oidcrpc/oidcrpc/verifier"
)

func TestEveryCodeOfTheVerifierIsALabel(t *testing.T) {
	source, err := os.ReadFile("../../verifier/error.go")
	if err != nil {
		t.Fatal(err)
	}
	declared := regexp.MustCompile(`(?m)^(?:\t|const )Code\w+ +Code = "(\w+)"`).FindAllSubmatch(source, -1)
	if len(declared) < len(codes) {
		t.Fatalf("found %d codes, and there are at least %d", len(declared), len(codes))
	}
	for _, match := range declared {
		if code := verifier.Code(match[1]); !slices.Contains(codes, code) {
			t.Errorf("%s is no label", code)
		}
	}
}
