package main

import (
	"context"
	"fmt"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// cacheHits says how many of the tokens that come in turn are still remembered when a cache has
// room for just as many, or for some more.
func cacheHits(issuer *verifiertest.Issuer, want func(name string) bool, _ int) (measured Measured, err error) {
	for _, c := range []struct{ size, used int }{{1024, 1024}, {10_000, 9_500}, {10_000, 10_000}, {10_000, 10_500}} {
		name := fmt.Sprintf("remembered of %d tokens in a cache of %d", c.used, c.size)
		if !want(name) {
			continue
		}
		hits, err := hitRate(issuer, c.size, mint(issuer, "EdDSA", c.used))
		if err != nil {
			return Measured{}, err
		}
		measured.Figures = append(measured.Figures, Figure{name, 100 * hits, "%"})
	}
	return measured, nil
}

// hitRate goes round the samples, three times after the first. A remembered token has the same
// claims again.
func hitRate(issuer *verifiertest.Issuer, size int, samples []*sample) (float64, error) {
	config := issuer.Config()
	config.Algorithms = []string{"EdDSA"}
	config.TokenCacheSize = size
	v, err := verifier.New(config)
	if err != nil {
		return 0, err
	}
	const rounds = 3
	last := make([]*verifier.Claims, len(samples))
	hits := 0
	for range 1 + rounds {
		for i, s := range samples {
			claims, err := v.Verify(context.Background(), s.token)
			if err != nil {
				return 0, err
			}
			if claims == last[i] {
				hits++
			}
			last[i] = claims
		}
	}
	return float64(hits) / float64(rounds*len(samples)), nil
}
