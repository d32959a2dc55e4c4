package revocation_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/revocation"
)

// Streams open while their subject is revoked. Each is either refused, or ended exactly once.
func TestNoStreamSlipsPastARevocation(t *testing.T) {
	const rounds, streams = 200, 16
	list := mustNew(t, revocation.Config{})
	for round := range rounds {
		claims := aliceWith(map[string]any{"sub": fmt.Sprint(round)})
		var refused, ended atomic.Int64
		var group sync.WaitGroup
		for range streams {
			group.Go(func() {
				if _, err := list.Watch(claims, func(*verifier.AuthError) { ended.Add(1) }); err != nil {
					refused.Add(1)
				}
			})
		}
		group.Go(func() {
			revoke(t, list, revocation.Event{Issuer: issuer, Subject: fmt.Sprint(round)})
			if got := codeOf(list, claims); got != verifier.CodeTokenRevoked {
				t.Errorf("after Revoke has returned, a call gets %q", got)
			}
		})
		group.Wait()
		if refused.Load()+ended.Load() != streams {
			t.Fatalf("%d streams are refused and %d ended, want %d", refused.Load(), ended.Load(), streams)
		}
	}
	if got := list.Status().Streams; got != 0 {
		t.Errorf("%d streams are left", got)
	}
}

// Streams come and go at random, and events end some. A plain list of them says which.
func TestStreamsAreFoundWhateverCameAndWent(t *testing.T) {
	list := mustNew(t, revocation.Config{MaxEntries: 100_000})
	type stream struct {
		jti, session, subject, client string
		stop                          func()
		ended                         bool
	}
	open := make(map[*stream]bool)
	watch := func(n int) {
		s := &stream{
			jti: fmt.Sprint("t", n), session: fmt.Sprint("s", n/2), subject: fmt.Sprint("u", n/5), client: fmt.Sprint("c", n/20),
		}
		if rand.N(3) == 0 {
			s.session = ""
		}
		changes := map[string]any{"jti": s.jti, "sid": s.session, "sub": s.subject, "client_id": s.client}
		var err error
		if s.stop, err = list.Watch(aliceWith(changes), func(*verifier.AuthError) { s.ended = true }); err == nil {
			open[s] = true
		}
	}
	for n := range 3000 {
		watch(n)
		switch rand.N(8) {
		case 0, 1:
			for s := range open {
				s.stop()
				s.stop()
				delete(open, s)
				break
			}
		case 2:
			of := rand.N(n + 1)
			e := [...]revocation.Event{
				{TokenID: fmt.Sprint("t", of)},
				{SessionID: fmt.Sprint("s", of/2)},
				{SessionID: fmt.Sprint("s", of/2), Subject: fmt.Sprint("u", of/5)},
				{Subject: fmt.Sprint("u", of/5)},
				{ClientID: fmt.Sprint("c", of/20)},
			}[rand.N(5)]
			e.Issuer = issuer
			revoke(t, list, e)
			for s := range open {
				want := s.jti == e.TokenID || s.client == e.ClientID ||
					e.SessionID != "" && s.session == e.SessionID ||
					s.subject == e.Subject && (e.SessionID == "" || s.session == "")
				if s.ended != want {
					t.Fatalf("after %+v, %+v: want ended = %v", e, s, want)
				}
				if want {
					s.stop()
					delete(open, s)
				}
			}
		}
		if got := list.Status().Streams; got != len(open) {
			t.Fatalf("%d streams are watched, want %d", got, len(open))
		}
	}
}

// A stream that ends asks to be removed while it's being ended.
func TestAStreamMayStopWhileItIsEnded(t *testing.T) {
	list := mustNew(t, revocation.Config{})
	var stop func()
	stop, err := list.Watch(aliceWith(nil), func(*verifier.AuthError) { stop() })
	if err != nil {
		t.Fatal(err)
	}
	revoke(t, list, revocation.Event{Issuer: issuer, Subject: "alice"})
	if got := list.Status().Streams; got != 0 {
		t.Errorf("%d streams are left", got)
	}
}
