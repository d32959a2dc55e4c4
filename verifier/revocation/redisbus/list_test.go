package redisbus_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/oidcrpc/oidcrpc/internal/redistest"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/revocation"
	"github.com/oidcrpc/oidcrpc/verifier/revocation/redisbus"
)

// newList returns a list on a bus of its own. It doesn't receive yet.
func newList(t *testing.T, server *redistest.Server, stale revocation.Staleness) *revocation.List {
	t.Helper()
	list, err := revocation.New(revocation.Config{
		Bus:          newBus(t, newClient(t, server), redisbus.Config{}),
		Stale:        stale,
		MaxStaleness: 5 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// run has a list receive until the test ends.
func run(t *testing.T, list *revocation.List) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = list.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
}

func revoke(t *testing.T, list *revocation.List, id string) error {
	t.Helper()
	return list.Revoke(within(t), revocation.Event{Issuer: issuer, TokenID: id})
}

// eventually waits for a condition. A message says what it was.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

func TestARevocationEndsTheStreamsOfAnotherProcess(t *testing.T) {
	server := redistest.Start(t)
	list, other := newList(t, server, revocation.Admit), startReplica(t, server)
	var took []time.Duration
	for i := range 100 {
		id := strconv.Itoa(i)
		if got := other.ask(t, "watch", id); got != "watching" {
			t.Fatal(got)
		}
		began := time.Now()
		if err := revoke(t, list, id); err != nil {
			t.Fatal(err)
		}
		ended, err := strconv.ParseInt(strings.TrimPrefix(other.hear(t), "ended "), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		took = append(took, time.Unix(0, ended).Sub(began))
		if got := other.ask(t, "check", id); got != string(verifier.CodeTokenRevoked) {
			t.Fatalf("the other process answers %s", got)
		}
	}
	slices.Sort(took)
	t.Logf("from Revoke to the end elsewhere: median %v, longest of 100 %v", took[50], took[99])
	if took[50] > 10*time.Second {
		t.Errorf("the median is %v", took[50])
	}
}

func TestAReplicaThatStartsLaterCatchesUp(t *testing.T) {
	server := redistest.Start(t)
	list := newList(t, server, revocation.Admit)
	for i := range 1200 {
		if err := revoke(t, list, strconv.Itoa(i)); err != nil {
			t.Fatal(err)
		}
	}
	later := startReplica(t, server)
	later.refuses(t, "0")
	later.refuses(t, "1199")
	if got := later.ask(t, "check", "1200"); got != "admitted" {
		t.Errorf("a token that wasn't revoked: %s", got)
	}
}

func TestAReplicaThatWasAwayCatchesUp(t *testing.T) {
	server := redistest.Start(t)
	list, other := newList(t, server, revocation.Admit), startReplica(t, server)
	if err := revoke(t, list, "before"); err != nil {
		t.Fatal(err)
	}
	other.refuses(t, "before")
	if err := other.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for i := range 1200 {
		if err := revoke(t, list, strconv.Itoa(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := other.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	other.refuses(t, "0")
	other.refuses(t, "1199")
}

func TestNoAcknowledgedRevocationIsLostWhenRedisIsKilled(t *testing.T) {
	server := redistest.Start(t, redistest.Durable()...)
	writer, reader := startReplica(t, server), startReplica(t, server)
	var acknowledged []string
	failed := 0
	revokeSome := func(prefix string, untilAcknowledged int) {
		for i, n := 0, 0; n < untilAcknowledged; i++ {
			id := fmt.Sprintf("%s-%d", prefix, i)
			if got := writer.ask(t, "revoke", id); got == "revoked" {
				acknowledged = append(acknowledged, id)
				n++
			} else {
				failed++
			}
		}
	}
	for round := range 3 {
		revokeSome(fmt.Sprintf("before-%d", round), 100)
		server.Kill()
		if got := writer.ask(t, "revoke", "meanwhile"); got == "revoked" {
			t.Error("a revocation was acknowledged without Redis")
		}
		if got := writer.ask(t, "check", "meanwhile"); got != string(verifier.CodeTokenRevoked) {
			t.Errorf("where it was revoked: %s", got)
		}
		server.Restart(t)
	}
	revokeSome("after", 100)
	later := startReplica(t, server)
	for _, id := range acknowledged {
		reader.refuses(t, id)
		later.refuses(t, id)
	}
	t.Logf("%d acknowledged, %d more failed", len(acknowledged), failed)
}

func TestWithoutRedisCallsAreDecidedAsConfigured(t *testing.T) {
	server := redistest.Start(t)
	admits, refuses := newList(t, server, revocation.Admit), newList(t, server, revocation.Refuse)
	good := tokenWith("good")
	if err := refuses.Check(good); verifier.CodeOf(err) != verifier.CodeRevocationsStale {
		t.Errorf("before it has caught up: %v", err)
	}
	run(t, admits)
	run(t, refuses)
	if err := revoke(t, admits, "bad"); err != nil {
		t.Fatal(err)
	}
	isFresh := func() bool {
		return refuses.Check(good) == nil && !admits.Status().Stale && !refuses.Status().Stale
	}
	eventually(t, "both lists have caught up", isFresh)
	eventually(t, "both lists know the revocation", func() bool {
		bad := tokenWith("bad")
		return verifier.CodeOf(admits.Check(bad)) == verifier.CodeTokenRevoked &&
			verifier.CodeOf(refuses.Check(bad)) == verifier.CodeTokenRevoked
	})

	server.Signal(t, syscall.SIGSTOP) // it's hung at first
	eventually(t, "both lists are stale", func() bool { return admits.Status().Stale && refuses.Status().Stale })
	server.Kill()
	for _, list := range []*revocation.List{admits, refuses} {
		eventually(t, "the failure shows", func() bool {
			s := list.Status()
			return s.Failures > 0 && strings.Contains(s.LastError, "redisbus: ") && !s.LastFailure.IsZero()
		})
		if err := list.Check(tokenWith("bad")); verifier.CodeOf(err) != verifier.CodeTokenRevoked {
			t.Errorf("a token known as revoked: %v", err)
		}
	}
	if err := admits.Check(good); err != nil {
		t.Errorf("with Admit: %v", err)
	}
	if err := refuses.Check(good); verifier.CodeOf(err) != verifier.CodeRevocationsStale {
		t.Errorf("with Refuse: %v", err)
	}

	server.Restart(t)
	eventually(t, "both lists have caught up again", isFresh)
	eventually(t, "the failures are over", func() bool { return admits.Status().Failures == 0 })
}

func TestPoisonedEntriesRevokeNothing(t *testing.T) {
	server := redistest.Start(t)
	client := newClient(t, server)
	list := newList(t, server, revocation.Admit)
	run(t, list)
	event := func(members string) string {
		return fmt.Sprintf(`{"v":1,"at":%d,"iss":%q,"before":%[1]d%[3]s}`, time.Now().Unix(), issuer, members)
	}
	poisoned := []string{
		"", "not JSON", "null", "[]", "{}", `{"v":1}`, event(``), event(`,"jti":1`), event(`,"jti":""`),
		event(`,"jti":"a","jti":"b"`), event(`,"jti":"a","tenant":"b"`), event(`,"jti":"a","sub":"alice"`),
		event(`,"jti":"a"`) + "x", strings.Replace(event(`,"jti":"a"`), `"v":1`, `"v":2`, 1),
		strings.Replace(event(`,"sub":"alice"`), `"before":`, `"before":9`, 1), "\xff\xfe",
		event(`,"jti":"` + strings.Repeat("a", 2000) + `"`), strings.Repeat("[", 30_000),
	}
	for _, entry := range poisoned {
		add(t, client, "*", entry)
	}
	add(t, client, "*", "event", strings.Repeat("x", 8<<20))
	add(t, client, "*", "jti", "a", "iss", issuer)
	eventually(t, "all were skipped", func() bool { return list.Status().Unreadable == len(poisoned) })
	if n := list.Status().Entries; n != 0 {
		t.Errorf("%d entries", n)
	}
	add(t, client, "*", event(`,"jti":"a"`))
	eventually(t, "a good entry counts", func() bool { return list.Check(tokenWith("a")) != nil })
	if err := list.Check(tokenWith("b")); err != nil {
		t.Errorf("another token: %v", err)
	}
}
