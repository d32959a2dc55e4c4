package client_test

import (
	"crypto"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"testing"

	"github.com/oidcrpc/oidcrpc/interceptor/client"
)

// BenchmarkProof compares a call's proof with the signature that it needs.
func BenchmarkProof(b *testing.B) {
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	for _, bench := range []struct {
		name string
		key  crypto.Signer
	}{
		{"ES256", newKey(b, elliptic.P256())},
		{"EdDSA", edKey},
	} {
		b.Run(bench.name+"/signature", func(b *testing.B) {
			sum := sha256.Sum256(nil)
			var hash crypto.Hash
			if bench.name == "ES256" {
				hash = crypto.SHA256
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := bench.key.Sign(rand.Reader, sum[:], hash); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(bench.name+"/proof", func(b *testing.B) {
			tokens := client.NewSource(bound, client.WithDPoP(mustDPoP(b, client.DPoPConfig{Key: bench.key})))
			credential := mustCredential(b, tokens)
			b.ReportAllocs()
			for b.Loop() {
				ctx, _ := credential.Prove(b.Context())
				if _, err := credential.MetadataFor(ctx, "https://api.example", "/greet.v1.GreetService/Greet"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
