package verifier_test

import (
	"strings"
	"testing"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// BenchmarkHostileToken shows what the worst tokens cost. None should take 5 ms or
// allocate 1 MiB.
func BenchmarkHostileToken(b *testing.B) {
	issuer := verifiertest.NewIssuer(verifiertest.WithAlgorithms("RS256", "PS512", "ES256", "ES384", "ES512", "EdDSA"))
	v, err := verifier.New(issuer.Config())
	if err != nil {
		b.Fatal(err)
	}
	flip := verifiertest.WithSignature(func(signature []byte) []byte {
		signature[len(signature)-1] ^= 1
		return signature
	})
	const room = 8 << 10 // of JSON, so that the token stays within its limit
	tokens := map[string]string{
		"16 MiB":                     strings.Repeat("a", 16<<20),
		"a million dots":             strings.Repeat(".", 1<<20),
		"16 KiB of dots":             strings.Repeat(".", verifier.MaxTokenBytes),
		"16 KiB without a dot":       strings.Repeat("a", verifier.MaxTokenBytes),
		"header of brackets":         issuer.Token(nil, verifiertest.WithRawHeader(strings.Repeat("[", room))),
		"header of open objects":     issuer.Token(nil, verifiertest.WithRawHeader(strings.Repeat(`{"a":`, room/5))),
		"header of many members":     issuer.Token(nil, verifiertest.WithRawHeader(manyMembers(room))),
		"header of one long string":  issuer.Token(map[string]any{"exp": 1}, verifiertest.WithHeader("x", strings.Repeat("a", room))),
		"header of escapes":          issuer.Token(nil, verifiertest.WithRawHeader(`{"x":"`+strings.Repeat(`\u0041`, room/6)+`"}`)),
		"header of one long number":  issuer.Token(nil, verifiertest.WithRawHeader(`{"x":`+strings.Repeat("9", room)+"}")),
		"unknown kid":                issuer.Token(nil, verifiertest.WithHeader("kid", "unknown")),
		"payload of many members":    issuer.Token(nil, verifiertest.WithRawPayload(manyMembers(room))),
		"payload of brackets":        issuer.Token(nil, verifiertest.WithRawPayload(`{"x":`+strings.Repeat("[", room))),
		"payload of one long number": issuer.Token(nil, verifiertest.WithRawPayload(`{"exp":`+strings.Repeat("9", room)+"}")),
		"payload of many scopes":     issuer.Token(map[string]any{"scope": strings.Repeat("a ", room/2), "exp": 1}),
		"payload of many audiences":  issuer.Token(map[string]any{"aud": strings.Split(strings.Repeat("a,", room/4), ","), "exp": 1}),
		"a signature of 12 KiB": issuer.Token(nil, verifiertest.WithSignature(func([]byte) []byte {
			return make([]byte, 10<<10)
		})),
	}
	for _, alg := range []string{"RS256", "PS512", "ES256", "ES384", "ES512", "EdDSA"} {
		tokens["forged "+alg] = issuer.Token(nil, verifiertest.WithAlgorithm(alg), flip)
	}
	for name, token := range tokens {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Verify(b.Context(), token); err == nil {
					b.Fatal("accepted")
				}
			}
		})
	}
}

// manyMembers is an object of about that many bytes, each member of another name.
func manyMembers(size int) string {
	var b strings.Builder
	b.WriteString(`{"a":1`)
	for i := 0; b.Len() < size; i++ {
		b.WriteString(`,"` + strings.Repeat("b", 1+i%64) + string(rune('A'+i/64)) + `":1`)
	}
	b.WriteByte('}')
	return b.String()
}
