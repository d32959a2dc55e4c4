package revocation_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/revocation"
)

// A bus keeps its events in memory, and forgets none. It answers every 2 seconds.
type bus struct {
	mu        sync.Mutex
	events    [][]byte
	down      error         // what it fails with
	isSilent  bool          // it doesn't answer
	changed   chan struct{} // closed when something has changed
	receivers int           // calls of Receive, so far
}

func newBus() *bus { return &bus{changed: make(chan struct{})} }

// change changes the bus, and wakes its receivers.
func (b *bus) change(change func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change()
	close(b.changed)
	b.changed = make(chan struct{})
}

func (b *bus) setDown(err error) { b.change(func() { b.down = err }) }
func (b *bus) silence()          { b.change(func() { b.isSilent = true }) }

// put adds an event that may be of any form.
func (b *bus) put(event string) { b.change(func() { b.events = append(b.events, []byte(event)) }) }

func (b *bus) all() [][]byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.events)
}

func (b *bus) Publish(ctx context.Context, event []byte) (err error) {
	b.change(func() {
		if err = errors.Join(ctx.Err(), b.down); err == nil {
			b.events = append(b.events, slices.Clone(event))
		}
	})
	return err
}

func (b *bus) Receive(ctx context.Context, received func([][]byte)) error {
	b.change(func() { b.receivers++ })
	for seen := 0; ctx.Err() == nil; {
		b.mu.Lock()
		fresh, down, isSilent, changed := b.events[seen:], b.down, b.isSilent, b.changed
		b.mu.Unlock()
		if down != nil {
			return down
		}
		if !isSilent {
			var batch [][]byte
			for _, event := range fresh {
				batch = append(batch, slices.Clone(event))
			}
			if received(batch); batch != nil {
				received(nil)
			}
			for _, event := range batch {
				clear(event) // its memory is used again
			}
			seen += len(fresh)
		}
		select {
		case <-changed:
		case <-time.After(2 * time.Second):
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}

// run runs the list until stop, and returns once it has caught up.
func run(t *testing.T, list *revocation.List) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := list.Run(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("Run returned %v", err)
		}
	})
	synctest.Wait()
	return func() {
		cancel()
		running.Wait()
	}
}

// newReplica returns a list on the bus that runs until stop.
func newReplica(t *testing.T, b *bus, change func(*revocation.Config)) (list *revocation.List, stop func()) {
	t.Helper()
	config := revocation.Config{Bus: b, Stale: revocation.Refuse}
	if change != nil {
		change(&config)
	}
	list = mustNew(t, config)
	return list, run(t, list)
}

func codeOf(list *revocation.List, claims *verifier.Claims) verifier.Code {
	return verifier.CodeOf(list.Check(claims))
}

var errDown = errors.New("the bus is down")

func TestARevocationReachesEveryReplica(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBus()
		one, stopOne := newReplica(t, b, nil)
		two, stopTwo := newReplica(t, b, nil)
		defer stopOne()
		defer stopTwo()
		claims := aliceWith(nil)
		ended := false
		if _, err := two.Watch(claims, func(*verifier.AuthError) { ended = true }); err != nil {
			t.Fatal(err)
		}
		revoke(t, one, revocation.Event{Issuer: issuer, Subject: "alice"})
		synctest.Wait()
		if got := codeOf(two, claims); got != verifier.CodeTokenRevoked || !ended {
			t.Errorf("in the other replica: %q, its stream ended: %v", got, ended)
		}
		if got := one.Status().Entries; got != 1 {
			t.Errorf("its own event made %d entries of one", got)
		}
	})
}

func TestEveryEventArrivesAsItWasRevoked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		claims := aliceWith(nil)
		withoutSession := aliceWith(map[string]any{"sid": nil})
		late := aliceWith(map[string]any{"iat": time.Now().Add(30 * time.Second).Unix()})
		for _, test := range []struct {
			event   revocation.Event
			revoked []*verifier.Claims
		}{
			{revocation.Event{TokenID: "t1"}, []*verifier.Claims{claims, withoutSession, late}},
			{revocation.Event{SessionID: "s1"}, []*verifier.Claims{claims, late}},
			{revocation.Event{SessionID: "s1", Subject: "alice"}, []*verifier.Claims{claims, withoutSession, late}},
			{revocation.Event{SessionID: "s2", Subject: "alice"}, []*verifier.Claims{withoutSession}},
			{revocation.Event{Subject: "alice"}, []*verifier.Claims{claims, withoutSession}},
			{
				revocation.Event{Subject: "alice", IssuedBefore: time.Now().Add(time.Minute)},
				[]*verifier.Claims{claims, withoutSession, late},
			},
			{revocation.Event{Subject: "alice", IssuedBefore: time.Now().Add(-time.Second)}, nil},
			{revocation.Event{ClientID: "web"}, []*verifier.Claims{claims, withoutSession}},
			{revocation.Event{TokenID: "t2"}, nil},
		} {
			b := newBus()
			one, stopOne := newReplica(t, b, nil)
			test.event.Issuer = issuer
			revoke(t, one, test.event)
			two, stopTwo := newReplica(t, b, nil) // it starts anew
			for _, c := range []*verifier.Claims{claims, withoutSession, late} {
				want := slices.Contains(test.revoked, c)
				for i, list := range []*revocation.List{one, two} {
					if got := codeOf(list, c) == verifier.CodeTokenRevoked; got != want {
						t.Errorf("%+v, replica %d: %v revoked = %v, want %v", test.event, i+1, c, got, want)
					}
				}
			}
			stopOne()
			stopTwo()
		}
	})
}

func TestAReplicaThatWasAwayCatchesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBus()
		claims := aliceWith(nil)
		one, stopOne := newReplica(t, b, nil)
		defer stopOne()
		two, stopTwo := newReplica(t, b, nil)
		stopTwo()
		revoke(t, one, revocation.Event{Issuer: issuer, TokenID: "t1"})
		if got := codeOf(two, claims); got != "" {
			t.Errorf("while it's away: %q", got)
		}
		stopTwo = run(t, two)
		defer stopTwo()
		if got := codeOf(two, claims); got != verifier.CodeTokenRevoked {
			t.Errorf("after it came back: %q", got)
		}
	})
}

func TestABusThatIsDownDelaysNoCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBus()
		list, stop := newReplica(t, b, nil)
		defer stop()
		claims := aliceWith(nil)
		ended := false
		if _, err := list.Watch(claims, func(*verifier.AuthError) { ended = true }); err != nil {
			t.Fatal(err)
		}
		b.setDown(errDown)
		before := time.Now()
		if got := codeOf(list, claims); got != "" {
			t.Errorf("a call gets %q", got)
		}
		err := list.Revoke(t.Context(), revocation.Event{Issuer: issuer, Subject: "alice"})
		if !errors.Is(err, errDown) {
			t.Errorf("Revoke returned %v", err)
		}
		if got := codeOf(list, claims); got != verifier.CodeTokenRevoked || !ended {
			t.Errorf("after it, a call gets %q, and the stream ended: %v", got, ended)
		}
		if took := time.Since(before); took != 0 {
			t.Errorf("it took %v", took)
		}
	})
}

func TestRevokeActsHereThoughItsContextHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		list, stop := newReplica(t, newBus(), nil)
		defer stop()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err := list.Revoke(ctx, revocation.Event{Issuer: issuer, TokenID: "t1"})
		if got := codeOf(list, aliceWith(nil)); !errors.Is(err, context.Canceled) || got != verifier.CodeTokenRevoked {
			t.Errorf("Revoke returned %v, and a call gets %q", err, got)
		}
	})
}

func TestAStaleListDoesWhatWasChosen(t *testing.T) {
	for _, stale := range []revocation.Staleness{revocation.Admit, revocation.Refuse} {
		synctest.Test(t, func(t *testing.T) {
			b := newBus()
			list, stop := newReplica(t, b, func(c *revocation.Config) { c.Stale, c.MaxStaleness = stale, 10*time.Second })
			defer stop()
			claims := aliceWith(nil)
			check := func(isStale bool) {
				t.Helper()
				want := verifier.Code("")
				if isStale && stale == revocation.Refuse {
					want = verifier.CodeRevocationsStale
				}
				if got := codeOf(list, claims); got != want {
					t.Errorf("stale %v, a call gets %q, want %q", isStale, got, want)
				}
				unwatch, err := list.Watch(claims, func(*verifier.AuthError) {})
				if got := verifier.CodeOf(err); got != want {
					t.Errorf("stale %v, a stream gets %q, want %q", isStale, got, want)
				}
				if err == nil {
					unwatch()
				}
				if got := list.Status().Stale; got != isStale {
					t.Errorf("Status says stale = %v, want %v", got, isStale)
				}
			}
			time.Sleep(time.Hour + time.Second) // its last answer was a second ago
			check(false)
			b.silence()
			time.Sleep(9*time.Second - 1)
			check(false)
			time.Sleep(1)
			check(true)
			revoke(t, list, revocation.Event{Issuer: issuer, TokenID: "t1"})
			if got := codeOf(list, claims); got != verifier.CodeTokenRevoked {
				t.Errorf("what is known to be revoked gets %q", got)
			}
			claims = aliceWith(map[string]any{"jti": "t2"})
			b.change(func() { b.isSilent = false })
			synctest.Wait()
			check(false)
		})
	}
}

func TestAListIsStaleUntilItHasCaughtUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBus()
		list := mustNew(t, revocation.Config{Bus: b, Stale: revocation.Refuse})
		claims := aliceWith(nil)
		err := list.Check(claims)
		keysErr, ok := errors.AsType[*verifier.KeysError](err)
		if !ok || keysErr.Code != verifier.CodeRevocationsStale || keysErr.RetryAfter <= 0 {
			t.Errorf("before Run: %v", err)
		}
		b.setDown(errDown)
		stop := run(t, list)
		defer stop()
		if got := codeOf(list, claims); got != verifier.CodeRevocationsStale {
			t.Errorf("while the bus is down: %q", got)
		}
		b.setDown(nil)
		time.Sleep(5 * time.Second)
		if got := codeOf(list, claims); got != "" {
			t.Errorf("after the bus came back: %q", got)
		}
	})
}

// A batchBus delivers one batch, and never says that it was all.
type batchBus struct{ *bus }

func (b batchBus) Receive(ctx context.Context, received func([][]byte)) error {
	received(b.all())
	<-ctx.Done()
	return ctx.Err()
}

func TestOnlyAnEmptyBatchSaysThatNothingIsMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBus()
		one := mustNew(t, revocation.Config{Bus: b, Stale: revocation.Admit})
		revoke(t, one, revocation.Event{Issuer: issuer, TokenID: "t1"})
		list := mustNew(t, revocation.Config{Bus: batchBus{b}, Stale: revocation.Refuse})
		defer run(t, list)()
		if got := codeOf(list, aliceWith(nil)); got != verifier.CodeTokenRevoked {
			t.Errorf("what came in the batch gets %q", got)
		}
		if got := codeOf(list, aliceWith(map[string]any{"jti": "t2"})); got != verifier.CodeRevocationsStale {
			t.Errorf("any other token gets %q", got)
		}
	})
}

func TestRunAsksTheBusAgainButNotTooOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lines bytes.Buffer
		b := newBus()
		b.setDown(errDown)
		list, stop := newReplica(t, b, func(c *revocation.Config) {
			c.Logger = slog.New(slog.NewTextHandler(&lines, nil))
		})
		defer stop()
		time.Sleep(time.Minute)
		b.mu.Lock()
		asked := b.receivers
		b.mu.Unlock()
		if asked < 60/5 || asked > 60/2 {
			t.Errorf("the bus was asked %d times in a minute", asked)
		}
		s := list.Status()
		if s.Failures != asked || s.LastError != errDown.Error() || s.LastFailure.IsZero() || !s.CaughtUp.IsZero() {
			t.Errorf("while it's down, Status is %+v", s)
		}
		b.setDown(nil)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		s = list.Status()
		if s.Failures != 0 || s.LastError != errDown.Error() || time.Since(s.CaughtUp) > 2*time.Second {
			t.Errorf("once it's back, Status is %+v", s)
		}
		if got := lines.String(); strings.Count(got, "\n") != 2 || strings.Count(got, "bus lost") != 1 ||
			strings.Count(got, "bus back") != 1 {
			t.Errorf("the log says:\n%s", got)
		}
	})
}

func TestRunNeedsABus(t *testing.T) {
	if err := mustNew(t, revocation.Config{}).Run(t.Context()); err == nil {
		t.Error("Run returned nil")
	}
}

// returningBus returns from Receive as if its work were done.
type returningBus struct{ *bus }

func (b returningBus) Receive(context.Context, func([][]byte)) error {
	b.change(func() { b.receivers++ })
	return nil
}

func TestABusThatStopsReceivingHasFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBus()
		list := mustNew(t, revocation.Config{Bus: returningBus{b}, Stale: revocation.Admit})
		defer run(t, list)()
		if s := list.Status(); s.Failures != 1 || s.LastError == "" {
			t.Errorf("Status is %+v", s)
		}
	})
}
