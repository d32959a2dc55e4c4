package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// ringSize is how many different tokens there are of an algorithm.
const ringSize = 5000

// verifySlice is short: the shorter, the closer the contestants are to each other.
const verifySlice = 10 * time.Millisecond

// verifications are the ways in which tokens come.
var verifications = []struct {
	name      string
	parallel  bool
	cacheSize int // of ours
	samples   func(*mintage) []*sample
	accept    bool
}{
	{"one token", false, 0, func(m *mintage) []*sample { return m.ring[:1] }, true},
	{"5000 tokens", false, 0, func(m *mintage) []*sample { return m.ring }, true},
	{"never seen", false, smallCache, func(m *mintage) []*sample { return m.ring }, true},
	{"forged", false, 0, func(m *mintage) []*sample { return []*sample{m.forged} }, false},
	{"garbage", false, 0, func(*mintage) []*sample { return []*sample{garbage} }, false},
	{"one token, in parallel", true, 0, func(m *mintage) []*sample { return m.ring[:1] }, true},
	{"5000 tokens, in parallel", true, 0, func(m *mintage) []*sample { return m.ring }, true},
	{"never seen, in parallel", true, smallCache, func(m *mintage) []*sample { return m.ring }, true},
}

// A mintage is what an issuer has signed with one algorithm.
type mintage struct {
	alg    string
	issuer *verifiertest.Issuer
	ring   []*sample
	forged *sample
}

func newMintage(issuer *verifiertest.Issuer, alg string) *mintage {
	return &mintage{
		alg:    alg,
		issuer: issuer,
		ring:   mint(issuer, alg, ringSize),
		forged: forge(issuer, alg),
	}
}

// repeat returns a contestant that verifies the samples, one after the other and from
// the start again.
func repeat(name string, v verify, samples []*sample, accept, parallel bool) contestant {
	var next atomic.Uint64
	some := func(n int) error {
		ctx := context.Background()
		at := int(next.Add(uint64(n))) % len(samples)
		for range n {
			err := v(ctx, samples[at])
			if (err == nil) != accept {
				return errors.Join(fmt.Errorf("%s judged wrongly", name), err)
			}
			if at++; at == len(samples) {
				at = 0
			}
		}
		return nil
	}
	if !parallel {
		return contestant{name, some}
	}
	return contestant{name, func(n int) error {
		workers := runtime.GOMAXPROCS(0)
		errs := make([]error, workers)
		var group sync.WaitGroup
		for i := range errs {
			group.Go(func() { errs[i] = some(1 + (n-1)/workers) })
		}
		group.Wait()
		return errors.Join(errs...)
	}}
}
