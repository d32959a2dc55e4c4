package main

import (
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

const (
	idleStreams     = 1000
	idleConnections = 10
)

// idleStreamFigures weigh streams that nothing happens on.
func idleStreamFigures(issuer *verifiertest.Issuer, want func(name string) bool, _ int) (measured Measured, err error) {
	ours, err := newStreamGuard(issuer)
	if err != nil {
		return Measured{}, err
	}
	token := mint(issuer, streamAlg, 1)[0].token // the memory for a token is another figure
	for _, s := range stacks {
		for _, kind := range []struct {
			name string
			req  rawRequest
		}{
			{"server stream", rawRequest{watchProcedure, s.contentType, false}},
			{"bidi stream", rawRequest{converseProcedure, s.contentType, true}},
		} {
			name := "idle " + kind.name + " over " + s.name
			if !want(name) {
				continue
			}
			open, err := s.weigh(guard{name: noAuth}, kind.req, token)
			if err != nil {
				return Measured{}, fmt.Errorf("%s: %w", name, err)
			}
			guarded, err := s.weigh(ours, kind.req, token)
			if err != nil {
				return Measured{}, fmt.Errorf("%s, guarded: %w", name, err)
			}
			measured.Figures = append(measured.Figures,
				Figure{name + ", " + noAuth, open.bytes, "bytes"},
				Figure{name + ", guarded", guarded.bytes, "bytes"},
				Figure{name + ", guarded over " + noAuth, guarded.bytes / open.bytes, "×"},
				Figure{name + ", more goroutines", guarded.goroutines - open.goroutines, "each"},
			)
		}
	}
	return measured, nil
}

// A weight is what one stream holds, in the heap and on stacks.
type weight struct{ bytes, goroutines float64 }

// weigh opens streams on connections that have some already. The client keeps nothing of
// them.
func (s stack) weigh(g guard, req rawRequest, token string) (weight, error) {
	defer awaitGoroutines(runtime.NumGoroutine()) // or they would weigh on the next
	addr, stop, err := s.start(g, time.Time{})
	if err != nil {
		return weight{}, err
	}
	defer stop()
	client, err := dialRaw(addr, idleConnections)
	if err != nil {
		return weight{}, err
	}
	defer client.close()
	if err := client.openMany(req, slices.Repeat([]string{token}, idleConnections)); err != nil {
		return weight{}, err
	}
	before := weighAll()
	if err := client.openMany(req, slices.Repeat([]string{token}, idleStreams)); err != nil {
		return weight{}, err
	}
	after := weighAll()
	if n := client.ended.Load(); n > 0 {
		return weight{}, fmt.Errorf("%d streams have ended", n)
	}
	return weight{
		(after.bytes - before.bytes) / idleStreams, (after.goroutines - before.goroutines) / idleStreams,
	}, nil
}

func weighAll() weight {
	time.Sleep(100 * time.Millisecond) // for what still happens on the streams
	for range 3 {
		runtime.GC() // shrinks stacks, too
	}
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return weight{float64(stats.HeapAlloc + stats.StackInuse), float64(runtime.NumGoroutine())}
}

// awaitGoroutines waits until there are no more than before, but not for ever.
func awaitGoroutines(before int) {
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
}
