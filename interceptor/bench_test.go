package interceptor_test

import (
	"testing"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
)

// BenchmarkAuthenticate admits calls with a credential that costs nothing to verify.
func BenchmarkAuthenticate(b *testing.B) {
	claims := claimsOf(nil)
	accept := verifyFunc(func(string) (*verifier.Claims, error) { return claims, nil })
	places := []interceptor.Option{
		interceptor.WithCredential(interceptor.Metadata("x-api-key"), accept),
		interceptor.WithCredential(interceptor.Cookie("session"), accept),
	}
	for _, bb := range []struct {
		name     string
		options  []interceptor.Option
		metadata []string
	}{
		{"Bearer alone", nil, []string{"authorization", "Bearer abc"}},
		{"Bearer among places", places, []string{"authorization", "Bearer abc"}},
		{"key", places, []string{"x-api-key", "abc"}},
		{"cookie", places, []string{"cookie", "theme=dark; session=abc"}},
	} {
		b.Run(bb.name, func(b *testing.B) {
			auth, call := mustNew(b, accept, bb.options...), callWith(bb.metadata...)
			b.ReportAllocs()
			for b.Loop() {
				if _, refusal := auth.Authenticate(b.Context(), call); refusal != nil {
					b.Fatal(refusal)
				}
			}
		})
	}
}
