package introspection_test

import (
	"crypto/rand"
	"fmt"
	"testing"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/introspection"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

func TestARememberedTokenAllocatesNothing(t *testing.T) {
	s := newServer()
	v := s.verifier(t, nil)
	either := must(introspection.NewEither(must(verifier.New(verifiertest.NewIssuer().Config())), v))
	one, other := s.issue("one", nil), s.issue("other", nil)
	accept(t, v, one)
	accept(t, v, other)
	allocations := testing.AllocsPerRun(100, func() {
		for _, token := range []string{one, other} {
			_, err := v.Verify(t.Context(), token)
			if _, err2 := either.Verify(t.Context(), token); err != nil || err2 != nil {
				t.Error(err, err2)
			}
		}
	})
	if allocations != 0 {
		t.Errorf("%v allocations, want none", allocations)
	}
}

// BenchmarkHit is a call with a token whose answer is remembered, of 1 or of 10,000.
func BenchmarkHit(b *testing.B) {
	for _, tokens := range []int{1, 10_000} {
		b.Run(fmt.Sprint(tokens), func(b *testing.B) {
			s := newServer()
			v := s.verifier(b, func(c *introspection.Config) { c.CacheTTL, c.TokenCacheSize = time.Hour, 20_000 })
			var known []string
			for n := range tokens {
				known = append(known, s.issue("ory_at_"+rand.Text()+"."+rand.Text(), nil))
				accept(b, v, known[n])
			}
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				if _, err := v.Verify(b.Context(), known[n%tokens]); err != nil {
					b.Fatal(err)
				}
				n++
			}
		})
	}
}

// BenchmarkFlood is a call with a made-up token, once the budget is spent.
func BenchmarkFlood(b *testing.B) {
	s := newServer()
	v := s.verifier(b, nil)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		_, _ = v.Verify(b.Context(), fmt.Sprint("made-up-", n))
		n++
	}
	b.ReportMetric(float64(s.questions()), "questions")
}
