package main

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

const (
	manyStreams     = 10_000
	manyConnections = 100
	expiring        = "10 000 streams end within a second, "
	expireRounds    = 2 // at most, since one takes half a minute
	probeEvery      = time.Millisecond
	calm            = time.Second            // for which the probes are measured alone
	lead            = 300 * time.Millisecond // before the streams end, so that none is missed
)

// expireRaces end many streams at once: unguarded ones, whose handlers return an error,
// and guarded ones, whose tokens expire. The time is the process's CPU time, the client's
// included.
func expireRaces(issuer *verifiertest.Issuer, want func(name string) bool, rounds int) (measured Measured, err error) {
	rounds = min(rounds, expireRounds)
	for _, s := range stacks {
		name := expiring + s.name
		if !want(name) {
			continue
		}
		returning, expired := Result{Name: "handlers return an error"}, Result{Name: ours}
		var returns, expiries []ending
		for range rounds {
			e, err := s.endAll(issuer, false, manyStreams)
			if err != nil {
				return Measured{}, fmt.Errorf("%s: %w", name, err)
			}
			returns = append(returns, e)
			returning.Nanos = append(returning.Nanos, e.cpu)
			if e, err = s.endAll(issuer, true, manyStreams); err != nil {
				return Measured{}, fmt.Errorf("%s, guarded: %w", name, err)
			}
			expiries = append(expiries, e)
			expired.Nanos = append(expired.Nanos, e.cpu)
		}
		returning.Allocs, returning.Bytes = returns[0].allocs, returns[0].bytes
		expired.Allocs, expired.Bytes = expiries[0].allocs, expiries[0].bytes
		measured.Races = append(measured.Races, Race{name, []Result{returning, expired}})
		for _, f := range []struct {
			name string
			of   func(ending) float64
		}{
			{"the last is late by", func(e ending) float64 { return e.last }},
			{"p99 of other calls before", func(e ending) float64 { return e.calm }},
			{"p99 of other calls meanwhile", func(e ending) float64 { return e.meanwhile }},
		} {
			measured.Figures = append(measured.Figures,
				Figure{name + ", errors: " + f.name, medianOf(returns, f.of), "ms"},
				Figure{name + ", guarded: " + f.name, medianOf(expiries, f.of), "ms"})
		}
	}
	return measured, nil
}

// An ending is what it took to end all streams: nanoseconds of CPU time, allocations and
// bytes for each, and milliseconds for others.
type ending struct{ cpu, allocs, bytes, last, calm, meanwhile float64 }

func medianOf(endings []ending, of func(ending) float64) float64 {
	values := make([]float64, len(endings))
	for i, e := range endings {
		values[i] = of(e)
	}
	return median(values)
}

var errLate = errors.New("the streams were not open in time")

// endAll ends as many streams as it's told to, over connections that share them.
func (s stack) endAll(issuer *verifiertest.Issuer, guarded bool, streams int) (e ending, err error) {
	for wait := 5 * time.Second; wait < time.Minute; wait *= 2 {
		if e, err = s.endAllIn(issuer, guarded, streams, wait); !errors.Is(err, errLate) {
			return e, err
		}
	}
	return e, err
}

// within is the time in which the streams end, each at random.
const within = time.Second

// endAllIn has the streams begin to end on a full second, as tokens do.
func (s stack) endAllIn(issuer *verifiertest.Issuer, guarded bool, streams int, wait time.Duration) (ending, error) {
	at := time.Now().Add(wait).Truncate(time.Second)
	tokens := make([]string, streams)
	for i, sample := range mintClaims(issuer, streamAlg, streams, func() map[string]any {
		claims := typicalClaims()
		claims["exp"] = at.Unix()
		return claims
	}) {
		tokens[i] = sample.token
	}
	g, over := guard{name: noAuth}, at
	if guarded {
		var err error
		if g, err = newStreamGuard(issuer); err != nil {
			return ending{}, err
		}
		over = time.Time{}
	}
	addr, stop, err := s.start(g, over)
	if err != nil {
		return ending{}, err
	}
	defer stop()
	client, err := dialRaw(addr, min(manyConnections, streams))
	if err != nil {
		return ending{}, err
	}
	defer client.close()
	prober, err := startProber(addr, mint(issuer, streamAlg, 1)[0].token)
	if err != nil {
		return ending{}, err
	}
	stopProbing := sync.OnceValue(prober.stop)
	defer stopProbing()
	if err := client.openMany(rawRequest{watchProcedure, s.contentType, false}, tokens); err != nil {
		return ending{}, errors.Join(errLate, err)
	}
	runtime.GC()
	if time.Until(at) < calm+2*lead {
		return ending{}, errLate
	}
	time.Sleep(time.Until(at) - calm - lead)
	before := spent()
	time.Sleep(calm)
	start := spent()
	if time.Until(at) < lead/2 || client.ended.Load() > 0 {
		return ending{}, errLate
	}
	if err := client.await(&client.ended, int64(streams)); err != nil {
		return ending{}, err
	}
	last := time.Now()
	time.Sleep(max(0, time.Until(at.Add(within+calm-lead)))) // what is left to do on the streams counts
	end := spent()
	if err := stopProbing(); err != nil {
		return ending{}, err
	}
	if n := client.unauthenticated.Load(); n != int64(streams) {
		return ending{}, fmt.Errorf("%d of %d streams ended with Unauthenticated", n, streams)
	}
	first := time.Unix(0, client.first.Load())
	probes := float64(end.at.Sub(start.at)) / float64(start.at.Sub(before.at))
	each := func(before, start, end float64) float64 {
		return (end - start - (start-before)*probes) / float64(streams)
	}
	return ending{
		cpu:       each(before.cpu, start.cpu, end.cpu),
		allocs:    each(before.allocs, start.allocs, end.allocs),
		bytes:     each(before.bytes, start.bytes, end.bytes),
		last:      float64(last.Sub(at.Add(within))) / 1e6,
		calm:      prober.p99(before.at, start.at),
		meanwhile: prober.p99(first, last),
	}, nil
}

// An expense is what the process has spent so far.
type expense struct {
	at                 time.Time
	cpu, allocs, bytes float64
}

func spent() expense {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage) // can't fail with these arguments
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return expense{time.Now(), float64(usage.Utime.Nano() + usage.Stime.Nano()), float64(stats.Mallocs), float64(stats.TotalAlloc)}
}

// A prober makes unary calls at a steady pace, on a connection of its own. A call that has
// to wait for others has been due all the while.
type prober struct {
	client *rawClient
	slots  chan struct{} // as many as a server has for a connection
	over   chan struct{}
	result chan error

	mu    sync.Mutex
	calls []probe // the call with the identifier 2i+1 at i
}

type probe struct{ due, answered time.Time }

func startProber(addr, token string) (*prober, error) {
	p := &prober{
		client: new(rawClient), slots: make(chan struct{}, 200), over: make(chan struct{}), result: make(chan error, 1),
	}
	conn, err := p.client.dial(addr, p.answered)
	if err != nil {
		return nil, err
	}
	go func() { p.result <- p.run(conn, token) }()
	return p, nil
}

func (p *prober) run(conn *rawConn, token string) error {
	req := rawRequest{"/greet.v1.GreetService/Greet", "application/grpc", false}
	for due := time.Now(); ; due = due.Add(probeEvery) {
		select {
		case <-p.over:
			return nil
		case <-time.After(time.Until(due)):
		}
		select {
		case <-p.over:
			return nil
		case p.slots <- struct{}{}:
		}
		p.mu.Lock()
		p.calls = append(p.calls, probe{due: due})
		p.mu.Unlock()
		if _, err := conn.open(req, token); err != nil {
			return err
		}
		if err := conn.flush(); err != nil {
			return err
		}
	}
}

func (p *prober) answered(id uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls[id/2].answered = time.Now()
	<-p.slots
}

func (p *prober) stop() error {
	close(p.over)
	err := <-p.result
	err = errors.Join(err, p.client.await(&p.client.ended, int64(len(p.calls))))
	return errors.Join(err, p.client.close())
}

// p99 returns how many milliseconds calls took that were due in a time, but for the
// slowest hundredth.
func (p *prober) p99(from, to time.Time) float64 {
	var took []float64
	for _, c := range p.calls {
		if !c.due.Before(from) && !c.due.After(to) {
			took = append(took, float64(c.answered.Sub(c.due))/1e6)
		}
	}
	if len(took) == 0 {
		return 0
	}
	slices.Sort(took)
	return took[len(took)*99/100]
}
