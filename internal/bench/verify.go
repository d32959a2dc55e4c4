package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

const (
	ringSize  = 5000 // different tokens of an algorithm
	smallRing = 1000 // tokens for a cache that should have forgotten each by the next time

	// The shorter a slice, the closer in time are the contestants.
	verifySlice = 10 * time.Millisecond
)

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

// A workload is a way in which tokens arrive.
type workload struct {
	name      string
	samples   func(*mintage) []*sample
	accept    bool
	parallel  bool
	cacheSize int // in our verifier
}

var workloads = []workload{
	{name: oneToken, samples: one, accept: true},
	{name: manyTokens, samples: all, accept: true},
	{name: neverSeen, samples: all, accept: true, cacheSize: smallRing},
	{name: forgedToken, samples: func(m *mintage) []*sample { return []*sample{m.forged} }},
	{name: garbageToken, samples: func(*mintage) []*sample { return []*sample{garbage} }},
	{name: neverSeen + parallel, samples: all, accept: true, cacheSize: smallRing, parallel: true},
}

const (
	oneToken     = "one token"
	manyTokens   = "5000 tokens"
	neverSeen    = "never seen"
	forgedToken  = "forged"
	garbageToken = "garbage"
	parallel     = ", in parallel"
)

func one(m *mintage) []*sample { return m.ring[:1] }
func all(m *mintage) []*sample { return m.ring }

// verifyRaces times all peers at every workload.
func verifyRaces(issuer *verifiertest.Issuer, want func(name string) bool, rounds int) (races []Race, err error) {
	for _, alg := range algorithms {
		var m *mintage
		for _, w := range workloads {
			name := alg + ", " + w.name
			if !want(name) {
				continue
			}
			if m == nil {
				m = newMintage(issuer, alg)
			}
			contestants, err := w.contestants(m)
			if err != nil {
				return nil, err
			}
			results, err := race(contestants, rounds, verifySlice)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			races = append(races, Race{name, results})
		}
	}
	return races, nil
}

func (w workload) contestants(m *mintage) ([]contestant, error) {
	var all []contestant
	for _, p := range peers {
		if p.name == cryptoOnly && !w.accept {
			continue
		}
		v, err := p.start(m.issuer, m.alg)
		if p.name == ours {
			v, err = startOurs(m.issuer, m.alg, w.cacheSize)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
		samples := w.samples(m)
		c := verifyAgain(p.name, v, samples, 0, w.accept)
		if p.name == ours {
			if err := c.run(len(samples)); err != nil { // what it remembers, it has seen
				return nil, err
			}
		}
		if w.parallel {
			c = inParallel(c.name, c, verifyAgain(p.name, v, samples, len(samples)/2, w.accept))
		}
		all = append(all, c)
	}
	return all, nil
}

// verifyAgain goes round the samples, from one of them on.
func verifyAgain(name string, v verify, samples []*sample, at int, accept bool) contestant {
	return contestant{name, 1, func(n int) error {
		ctx := context.Background()
		for range n {
			if err := v(ctx, samples[at]); (err == nil) != accept {
				return errors.Join(fmt.Errorf("%s judged wrongly", name), err)
			}
			if at++; at == len(samples) {
				at = 0
			}
		}
		return nil
	}}
}

// inParallel shares the operations among contestants, one for each of two cores.
func inParallel(name string, halves ...contestant) contestant {
	return contestant{name, len(halves), func(n int) error {
		errs := make([]error, len(halves))
		var group sync.WaitGroup
		for i, half := range halves {
			group.Go(func() { errs[i] = half.run(n / len(halves)) })
		}
		group.Wait()
		return errors.Join(errs...)
	}}
}

// scalingRace shows what a second core adds to remembered tokens, and what it adds to
// arithmetic: this machine can't give more.
func scalingRace(issuer *verifiertest.Issuer, want func(name string) bool, rounds int) ([]Race, error) {
	if !want(scaling) {
		return nil, nil
	}
	m := newMintage(issuer, "RS256")
	var contestants []contestant
	for _, w := range []workload{workloads[0], workloads[1]} {
		v, err := startOurs(issuer, m.alg, 0)
		if err != nil {
			return nil, err
		}
		samples := w.samples(m)
		from := func(at int) contestant { return verifyAgain(w.name, v, samples, at, true) }
		if err := from(0).run(len(samples)); err != nil {
			return nil, err
		}
		contestants = append(contestants, from(0), inParallel(w.name+parallel, from(0), from(len(samples)/2)))
	}
	v, err := cryptoAlone(issuer, m.alg)
	if err != nil {
		return nil, err
	}
	from := func(at int) contestant { return verifyAgain(cryptoOnly, v, m.ring, at, true) }
	contestants = append(contestants, from(0), inParallel(cryptoOnly+parallel, from(0), from(ringSize/2)))
	results, err := race(contestants, rounds, verifySlice)
	return []Race{{scaling, results}}, err
}

const scaling = "remembered on two cores"

// rememberedBytes measures the memory that a remembered token takes, its own text
// included.
func rememberedBytes(issuer *verifiertest.Issuer, want func(name string) bool, _ int) (Measured, error) {
	const name = "memory, a remembered token"
	if !want(name) {
		return Measured{}, nil
	}
	samples := mint(issuer, "RS256", ringSize)
	v, err := startOurs(issuer, "RS256", 0)
	if err != nil {
		return Measured{}, err
	}
	before := liveBytes()
	if err := verifyAgain(ours, v, samples, 0, true).run(len(samples)); err != nil {
		return Measured{}, err
	}
	after := liveBytes()
	runtime.KeepAlive(v)
	runtime.KeepAlive(samples)
	each := (after - before) / float64(len(samples))
	return Measured{Figures: []Figure{{Name: name, Value: each, Unit: "bytes"}}}, nil
}

func liveBytes() float64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return float64(stats.HeapAlloc)
}
