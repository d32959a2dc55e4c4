package dpop_test

import (
	"testing"

	"github.com/oidcrpc/oidcrpc/verifier/dpop"
)

func BenchmarkProof(b *testing.B) {
	key := newClient(b, "ES256")
	c := newChecker(b, func(c *dpop.Config) { c.RequireNonce = true })
	b.Run("read", func(b *testing.B) {
		value := key.proof(with(claims(), "nonce", c.Nonce()))
		for b.Loop() {
			if _, err := c.Read(request(value)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("whole", func(b *testing.B) {
		proofs := make([]string, 4000)
		nonce := c.Nonce()
		for i := range proofs {
			proofs[i] = key.proof(with(claims(), "nonce", nonce))
		}
		i := 0
		for b.Loop() {
			if i == len(proofs) {
				b.StopTimer()
				i, nonce = 0, c.Nonce()
				for i := range proofs {
					proofs[i] = key.proof(with(claims(), "nonce", nonce))
				}
				b.StartTimer()
			}
			if err := check(b, c, request(proofs[i]), key.thumbprint); err != nil {
				b.Fatal(err)
			}
			i++
		}
	})
}
