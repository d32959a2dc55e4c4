package interceptor_test

import (
	"testing"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
)

// BenchmarkAuthenticate admits calls whose token costs nothing to verify.
func BenchmarkAuthenticate(b *testing.B) {
	claims := claimsOf(nil)
	accept := verifyFunc(func(string) (*verifier.Claims, error) { return claims, nil })
	auth := mustNew(b, accept)
	call := withToken("/a.S/M")
	b.ReportAllocs()
	for b.Loop() {
		if _, refusal := auth.Authenticate(b.Context(), call); refusal != nil {
			b.Fatal(refusal)
		}
	}
	_ = interceptor.CodeOK
}
