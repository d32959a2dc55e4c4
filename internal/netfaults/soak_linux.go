package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// soaked are the faults. Each lasts a random time.
var soaked = []fault{
	dropped(), answersDropped(), lossy(30), refused(), delayed(300 * time.Millisecond), delayed(2 * time.Second),
	forgotten(), forgotten(), misnamed(silent), misnamed(failing), greeting(helloHangs), greeting(helloGoAway),
	expiredCertificate(), unknownAuthority(), answering(answersSlowly), answering(answersInDrops),
	answering(answersHalf), answering(answersWrongSize), answering(answersTooMuch), answering(answersGarbage),
	answering(answersBusy), answering(answersTooOften),
}

// A soak is a verifier, an issuer in trouble, and the outcomes so far.
type soak struct {
	scene  *scene
	oracle *oracle
	v      *verifier.Verifier
	lines  lines

	mu       sync.Mutex
	outcomes map[string]int
	defects  int
	fetches  int
	faults   int
}

func soakHere(ctx context.Context, lasts time.Duration) error {
	scene, err := newScene(false)
	if err != nil {
		return err
	}
	defer scene.issuer.kill()
	s := &soak{
		scene:    scene,
		oracle:   &oracle{},
		lines:    lines{counted: make(map[string]int)},
		outcomes: make(map[string]int),
	}
	s.oracle.publish(scene.issuer.newest())
	s.v, err = verifier.New(verifier.Config{
		Issuer:       issuerURL,
		Audiences:    []string{verifiertest.Audience},
		Algorithms:   []string{"ES256"},
		KeysTTL:      keysTTL,
		KeysMaxStale: soakMaxStale,
		Leeway:       soakLeeway,

		TokenCacheSize: 1000, // full before long, or the heap would grow for as long as it fills
		OnFetch:        s.noteFetch,
		Logger:         slog.New(&s.lines),
	})
	if err != nil {
		return err
	}
	if err := s.v.Ready(ctx); err != nil {
		return err
	}
	return s.run(ctx, lasts)
}

func (s *soak) run(ctx context.Context, lasts time.Duration) error {
	atFirst := runtime.NumGoroutine()
	start := time.Now()
	ctx, cancel := context.WithTimeout(ctx, lasts)
	defer cancel()
	streams, err := startStreams(s)
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	wg.Go(func() { streams.run(ctx) })
	s.startCallers(ctx, &wg)
	failed := make(chan error, 1)
	wg.Go(func() {
		if err := s.direct(ctx); err != nil && ctx.Err() == nil {
			failed <- err
			cancel()
		}
	})
	fmt.Println("| time | calls | accepted | Unavailable | refused | cancelled | streams | fetches | faults | keys " +
		"| heap | goroutines | log lines | defects |")
	fmt.Println("|---|---|---|---|---|---|---|---|---|---|---|---|---|---|")
	var heaps []uint64
	for ctx.Err() == nil {
		heaps = append(heaps, s.show(time.Since(start)))
		sleep(ctx, min(30*time.Second, lasts/10))
	}
	wg.Wait()
	streams.stop()
	time.Sleep(2 * fetchTimeout) // a fetch may be under way
	http.DefaultClient.CloseIdleConnections()
	time.Sleep(time.Second)
	heaps = append(heaps, s.show(time.Since(start)))
	select {
	case err := <-failed:
		return fmt.Errorf("the soak ended early: %w", err)
	default:
	}
	return s.conclude(heaps, atFirst)
}

// direct lets things happen to the issuer until ctx ends.
func (s *soak) direct(ctx context.Context) error {
	for ctx.Err() == nil {
		sleep(ctx, between(3*time.Second, 15*time.Second))
		if err := s.perhapsRotate(); err != nil {
			return err
		}
		sleep(ctx, between(3*time.Second, 15*time.Second))
		s.mu.Lock()
		s.faults++
		s.mu.Unlock()
		var err error
		switch n := rand.IntN(len(soaked) + 4); {
		case n < 2:
			err = s.suffer(ctx, paused(), false)
		case n < 4:
			err = s.restart(ctx)
		default:
			err = s.suffer(ctx, soaked[n-4], true)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *soak) suffer(ctx context.Context, f fault, obeys bool) error {
	over := s.oracle.fault()
	defer over()
	if err := f.begin(s.scene); err != nil {
		return err
	}
	sleep(ctx, between(time.Second, 20*time.Second))
	if obeys {
		if err := s.perhapsRotate(); err != nil {
			return err
		}
	}
	if rand.IntN(3) == 0 { // longer than keys may be stale
		sleep(ctx, between(time.Second, 40*time.Second))
	}
	return f.end(s.scene)
}

func (s *soak) restart(ctx context.Context) error {
	over := s.oracle.fault()
	defer over()
	f := restarted()
	gone := s.oracle.leave()
	if err := f.begin(s.scene); err != nil {
		return err
	}
	sleep(ctx, between(0, 10*time.Second))
	if err := f.end(s.scene); err != nil {
		return err
	}
	gone()
	return nil
}

// perhapsRotate makes a key, and may withdraw the others.
func (s *soak) perhapsRotate() error {
	if rand.IntN(3) == 0 {
		return nil
	}
	issuer := s.scene.issuer
	issuer.rotate()
	if err := issuer.set(func(*State) {}); err != nil {
		return err
	}
	s.oracle.publish(issuer.newest())
	if rand.IntN(2) == 0 {
		return nil
	}
	gone := s.oracle.leave()
	issuer.withdraw()
	if err := issuer.set(func(*State) {}); err != nil {
		return err
	}
	gone()
	return nil
}

func between(low, high time.Duration) time.Duration { return low + rand.N(high-low) }

// startCallers makes about 130 calls a second.
func (s *soak) startCallers(ctx context.Context, wg *sync.WaitGroup) {
	start := func(n int, pause time.Duration, next func() call, token func(call) string) {
		for range n {
			wg.Go(func() {
				for ctx.Err() == nil {
					c := next()
					s.call(c, token(c))
					sleep(ctx, between(pause/2, pause*3/2))
				}
			})
		}
	}
	of := func(k kind, ages int) func() call {
		return func() call { return call{kind: k, key: s.oracle.key(rand.IntN(ages))} }
	}
	with := func(claims map[string]any, options ...verifiertest.TokenOption) func(call) string {
		return func(c call) string { return c.key.Token(claims, options...) }
	}
	flipped := verifiertest.WithSignature(func(signature []byte) []byte {
		signature[0] ^= 1
		return signature
	})
	impostor := verifiertest.NewIssuer(verifiertest.WithURL("https://other.test"))
	stranger := verifiertest.NewIssuer(verifiertest.WithURL(issuerURL))

	start(4, 100*time.Millisecond, of(good, 1), with(nil))
	start(4, 100*time.Millisecond, of(good, 2), with(nil))
	start(2, 200*time.Millisecond, of(good, 6), with(nil))
	start(1, 50*time.Millisecond, of(good, 1), remembering())
	start(1, 300*time.Millisecond, of(expired, 6), with(map[string]any{"exp": time.Now().Add(-time.Hour)}))
	start(1, 300*time.Millisecond, of(foreign, 6), with(map[string]any{"aud": "https://other.test"}))
	start(1, 300*time.Millisecond, of(forged, 3), with(nil, flipped))
	start(1, 300*time.Millisecond, of(imported, 2), func(c call) string {
		return impostor.Token(nil, verifiertest.WithHeader("kid", fmt.Sprintf("ES256-%d", c.key.number+1)))
	})
	unknown := func() call { return call{kind: madeUp} }
	start(1, 2*time.Second, unknown, func(call) string {
		return stranger.Token(nil, verifiertest.WithHeader("kid", "of-yesterday"))
	})
	start(1, 20*time.Second, unknown, func(call) string {
		return stranger.Token(nil, verifiertest.WithHeader("kid", fmt.Sprint("made-up-", rand.Uint64())))
	})
	hasty := func(next func() call) func() call {
		return func() call {
			c := next()
			c.cancelled = time.Now().Add(rand.N(50 * time.Millisecond))
			return c
		}
	}
	start(2, 200*time.Millisecond, hasty(of(good, 2)), with(nil))
	start(1, time.Second, hasty(unknown), func(call) string {
		return stranger.Token(nil, verifiertest.WithHeader("kid", "of-yesterday"))
	})
}

// remembering returns the same token again and again while its key is the newest.
func remembering() func(call) string {
	var key *signer
	var token string
	return func(c call) string {
		if c.key != key || rand.IntN(1000) == 0 {
			key, token = c.key, c.key.Token(nil)
		}
		return token
	}
}

func (s *soak) call(c call, token string) {
	ctx := context.Background()
	if !c.cancelled.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, c.cancelled)
		defer cancel()
	}
	c.began = time.Now()
	claims, err := s.v.Verify(ctx, token)
	c.ended, c.err = time.Now(), err
	if c.ended.Before(c.cancelled) {
		c.cancelled = time.Time{}
	}
	defect := s.oracle.judge(c)
	if (claims == nil) == (err == nil) {
		defect = "claims and an error, or neither"
	}
	s.note(outcome(err), defect)
}

func outcome(err error) string {
	if err == nil {
		return "accepted"
	}
	if _, ok := errors.AsType[*verifier.KeysError](err); ok {
		return "unavailable"
	}
	if _, ok := errors.AsType[*verifier.AuthError](err); ok {
		return "refused"
	}
	return "cancelled"
}

func (s *soak) note(outcome, defect string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outcomes[outcome]++
	if defect == "" {
		return
	}
	if s.defects++; s.defects <= 20 {
		fmt.Fprintf(os.Stderr, "defect: %s\n", defect)
	}
}

func (s *soak) noteFetch(event verifier.FetchEvent) {
	s.oracle.noteFetch(event)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fetches++
}

// show prints a line, and returns the heap's size.
func (s *soak) show(since time.Duration) uint64 {
	runtime.GC()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := 0
	for _, outcome := range []string{"accepted", "unavailable", "refused", "cancelled"} {
		calls += s.outcomes[outcome]
	}
	fmt.Printf("| %s | %d | %d | %d | %d | %d | %d | %d | %d | %d | %.1f MB | %d | %d | %d |\n",
		since.Round(time.Second), calls, s.outcomes["accepted"], s.outcomes["unavailable"], s.outcomes["refused"],
		s.outcomes["cancelled"], s.outcomes["stream"], s.fetches, s.faults, len(s.scene.issuer.keys),
		float64(memory.HeapAlloc)/1e6, runtime.NumGoroutine(), s.lines.total(), s.defects)
	return memory.HeapAlloc
}

// conclude returns an error if anything was not as it should be.
func (s *soak) conclude(heaps []uint64, goroutines int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Println()
	for _, message := range slices.Sorted(maps.Keys(s.lines.counted)) {
		fmt.Printf("log: %d × %s\n", s.lines.counted[message], message)
	}
	var wrong []string
	if s.defects > 0 {
		wrong = append(wrong, fmt.Sprintf("%d defects", s.defects))
	}
	if now := runtime.NumGoroutine(); now > goroutines {
		wrong = append(wrong, fmt.Sprintf("%d goroutines are left, %d were there at first", now, goroutines))
	}
	settled, last := slices.Max(heaps[:(len(heaps)+1)/2]), heaps[len(heaps)-1]
	if last > settled*3/2 {
		wrong = append(wrong, fmt.Sprintf("the heap has grown from %d to %d bytes", settled, last))
	}
	lost, back := s.lines.counted["issuer lost"], s.lines.counted["issuer back"]
	if lost != back && lost != back+1 {
		wrong = append(wrong, fmt.Sprintf("the issuer was lost %d times and back %d times", lost, back))
	}
	if len(wrong) > 0 {
		return errors.New(strings.Join(wrong, "; "))
	}
	fmt.Println("no defects")
	return nil
}

// lines is a [slog.Handler]. It only counts.
type lines struct {
	slog.Handler

	mu      sync.Mutex
	counted map[string]int
}

func (l *lines) Enabled(context.Context, slog.Level) bool { return true }

func (l *lines) WithAttrs([]slog.Attr) slog.Handler { return l }

func (l *lines) WithGroup(string) slog.Handler { return l }

func (l *lines) Handle(_ context.Context, record slog.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counted[record.Message]++
	return nil
}

func (l *lines) total() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, count := range l.counted {
		n += count
	}
	return n
}
