package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// A row is one line in the table.
type row struct {
	name      string
	http1     bool
	fault     fault
	lasts     time.Duration
	withdraws bool                // the end of the fault withdraws all keys from before it
	passes    bool                // fetches must be good all the same
	pace      time.Duration       // between two fetches, as the issuer asks for; 0: any
	shared    bool                // the service has other requests on the same connection
	client    func() *http.Client // nil: the default
}

var rows = []row{
	{name: "all packets dropped for 75 s", lasts: long, fault: dropped()},
	{name: "all packets dropped for 75 s", lasts: long, fault: dropped(), http1: true},
	{name: "all packets dropped", lasts: short, fault: dropped()},
	{name: "all packets dropped", lasts: short, fault: dropped(), http1: true},
	{name: "the answers' packets dropped", lasts: short, fault: answersDropped()},
	{name: "flow forgotten", fault: forgotten(), passes: true},
	{name: "flow forgotten", fault: forgotten(), passes: true, http1: true},
	{name: "flow forgotten, under a RoundTripper of the user", fault: forgotten(), passes: true, client: wrapped},
	{name: "flow forgotten, shared with other requests", fault: forgotten(), passes: true, shared: true},
	{name: "connections refused and reset", lasts: short, fault: refused()},
	{name: "30 % of packets lost", lasts: short, fault: lossy(30)},
	{name: "round trips of 600 ms", lasts: short, fault: delayed(300 * time.Millisecond), passes: true},
	{name: "round trips of 4 s", lasts: short, fault: delayed(2 * time.Second)},
	{name: "issuer paused (SIGSTOP)", lasts: short, fault: paused()},
	{name: "issuer killed, restarted with a new key", lasts: short, fault: restarted(), withdraws: true},
	{name: "issuer moved, the old address dead", lasts: short, fault: moved()},
	{name: "DNS hangs", lasts: short, fault: misnamed(silent)},
	{name: "DNS fails", lasts: short, fault: misnamed(failing)},
	{name: "TLS handshake hangs", lasts: short, fault: greeting(helloHangs)},
	{name: "certificate expired, then renewed", lasts: short, fault: expiredCertificate()},
	{name: "certificate of an unknown authority", lasts: short, fault: unknownAuthority()},
	{name: "GOAWAY at each request", lasts: short, fault: greeting(helloGoAway)},
	{name: "each answer takes 2 s", lasts: short, fault: answering(answersSlowly), passes: true},
	{name: "bodies trickle", lasts: short, fault: answering(answersInDrops)},
	{name: "bodies trickle", lasts: short, fault: answering(answersInDrops), http1: true},
	{name: "bodies cut short", lasts: short, fault: answering(answersHalf)},
	{name: "bodies of a wrong length", lasts: short, fault: answering(answersWrongSize), http1: true},
	{name: "bodies of 8 MiB", lasts: short, fault: answering(answersTooMuch)},
	{name: "bodies of garbage", lasts: short, fault: answering(answersGarbage)},
	{name: "status 503 with Retry-After: 3", lasts: short, fault: answering(answersBusy), pace: retryAfter},
	{name: "status 429 with Retry-After: 3", lasts: short, fault: answering(answersTooOften), pace: retryAfter},
}

// wrapped hides all but the default transport's RoundTrip, as tracing does.
func wrapped() *http.Client {
	return &http.Client{Transport: struct{ http.RoundTripper }{http.DefaultTransport}}
}

func (r row) protocol() string {
	if r.http1 {
		return "HTTP/1.1"
	}
	return "HTTP/2"
}

// run plays the row in a new scene.
func (r row) run(ctx context.Context, verbose bool) (result, error) {
	s, err := newScene(r.http1)
	if err != nil {
		return result{}, err
	}
	defer s.issuer.kill()
	var fetches journal
	if verbose {
		fetches.name = r.name + ", " + r.protocol()
	}
	config := verifier.Config{
		Issuer:     issuerURL,
		Audiences:  []string{verifiertest.Audience},
		Algorithms: []string{"ES256"},
		KeysTTL:    keysTTL,
		OnFetch:    fetches.note,
	}
	if r.client != nil {
		config.HTTPClient = r.client()
	}
	v, err := verifier.New(config)
	if err != nil {
		return result{}, err
	}
	if err := v.Ready(ctx); err != nil {
		return result{}, fmt.Errorf("before the fault: %w", err)
	}

	var known, unknown callers
	whole, stop := context.WithCancel(ctx)
	defer stop()
	before, stopBefore := context.WithCancel(whole)
	defer stopBefore()
	if r.shared {
		go makeOtherRequests(whole)
	}
	known.start(before, v, s.issuer.newest(), 4, 50*time.Millisecond)
	sleep(ctx, 3*time.Second)

	s.issuer.rotate()
	if err := errors.Join(s.issuer.set(func(*State) {}), r.fault.begin(s)); err != nil {
		return result{}, err
	}
	began := time.Now()
	unknown.start(before, v, s.issuer.newest(), 3, 100*time.Millisecond)
	sleep(ctx, r.lasts)

	inFault := unknown.seen()

	if r.withdraws {
		stopBefore()
	}
	if r.lasts > 0 {
		s.issuer.rotate() // or nothing would be asked after a fault that let fetches through
	}
	if err := r.fault.end(s); err != nil {
		return result{}, err
	}
	healed := time.Now()
	if err := s.issuer.set(func(*State) {}); err != nil {
		return result{}, err
	}
	unknown.start(whole, v, s.issuer.newest(), 3, 100*time.Millisecond)
	took := fetches.awaitGood(ctx, healed)
	if r.lasts == 0 { // the fault is that the flow is gone, and it heals by itself
		inFault, healed = unknown.seen(), healed.Add(took)
	}
	sleep(ctx, 2*time.Second)
	stop()
	all := unknown.wait().and(known.wait())
	return result{
		Name: r.name, Protocol: r.protocol(), Lasted: r.lasts, Passes: r.passes, Pace: r.pace,
		Known:   known.seen(),
		NewKey:  inFault.inWords(began),
		Fetches: fetches.between(began, healed),
		Slowest: all.Slowest,
		Healed:  took,
		Wrong:   all.Wrong,
	}, ctx.Err()
}

// makeOtherRequests makes some for other documents, with the verifier's transport.
func makeOtherRequests(ctx context.Context) {
	for ctx.Err() == nil {
		patient, cancel := context.WithTimeout(ctx, 2*time.Second)
		req, _ := http.NewRequestWithContext(patient, http.MethodGet, issuerURL+"/userinfo", nil)
		if res, err := http.DefaultClient.Do(req); err == nil {
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
		}
		cancel()
		sleep(ctx, 200*time.Millisecond)
	}
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// callers call the verifier again and again.
type callers struct {
	wg sync.WaitGroup

	mu sync.Mutex
	calls
}

func (c *callers) start(
	ctx context.Context, v *verifier.Verifier, key *verifiertest.Issuer, n int, pause time.Duration,
) {
	for range n {
		c.wg.Go(func() {
			token := key.Token(nil)
			for fresh := false; ctx.Err() == nil; fresh = !fresh {
				if fresh { // every other token has been seen before
					token = key.Token(nil)
				}
				start := time.Now()
				_, err := v.Verify(context.WithoutCancel(ctx), token)
				c.note(time.Since(start), err)
				sleep(ctx, pause)
			}
		})
	}
}

func (c *callers) note(took time.Duration, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.Made++
	c.Slowest = max(c.Slowest, took)
	_, isUnavailable := errors.AsType[*verifier.KeysError](err)
	switch {
	case err == nil && c.Accepted.IsZero():
		c.Accepted = time.Now()
	case err == nil:
	case isUnavailable:
		c.Unavailable++
	case len(c.Wrong) < 3:
		c.Wrong = append(c.Wrong, err.Error())
	}
}

func (c *callers) wait() calls {
	c.wg.Wait()
	return c.seen()
}

func (c *callers) seen() calls {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.calls
}

// A journal has all fetches.
type journal struct {
	name string // if not empty, each fetch is shown under it

	mu     sync.Mutex
	events []entry
}

type entry struct {
	at   time.Time
	good bool
}

func (j *journal) note(event verifier.FetchEvent) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.events = append(j.events, entry{time.Now(), event.Outcome != verifier.FetchFailed})
	if j.name != "" {
		fmt.Fprintf(os.Stderr, "%s  %s: %s %s after %s: %v\n", time.Now().Format("04:05.000"), j.name,
			event.Reason, event.Outcome, event.Duration.Round(time.Millisecond), event.Err)
	}
}

// awaitGood returns how long after a moment a fetch was good, or patience.
func (j *journal) awaitGood(ctx context.Context, since time.Time) time.Duration {
	for time.Since(since) < patience && ctx.Err() == nil {
		if at, ok := j.firstGood(since); ok {
			return at.Sub(since)
		}
		sleep(ctx, 10*time.Millisecond)
	}
	return patience
}

func (j *journal) firstGood(since time.Time) (at time.Time, ok bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, e := range j.events {
		if e.good && e.at.After(since) {
			return e.at, true
		}
	}
	return at, false
}

func (j *journal) between(from, to time.Time) (n int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, e := range j.events {
		if e.at.After(from) && e.at.Before(to) {
			n++
		}
	}
	return n
}
