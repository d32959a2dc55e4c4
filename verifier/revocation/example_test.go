package revocation_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"sync"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/revocation"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

func ExampleNew() {
	list, err := revocation.New(revocation.Config{
		Keep: time.Hour, // no token lives longer
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(list.Status().Entries)
	// Output: 0
}

func ExampleList_Revoke() {
	list, err := revocation.New(revocation.Config{})
	if err != nil {
		log.Fatal(err)
	}
	claims := verifiertest.Claims(map[string]any{"sub": "alice", "iat": time.Now().Add(-time.Minute).Unix()})

	err = list.Revoke(context.Background(), revocation.Event{Issuer: claims.Issuer(), Subject: "alice"})
	if errors.Is(err, revocation.ErrFull) {
		log.Fatal("raise Config.MaxEntries")
	}

	later := verifiertest.Claims(map[string]any{"sub": "alice", "iat": time.Now().Add(time.Second).Unix()})
	fmt.Println(verifier.CodeOf(list.Check(claims)))
	fmt.Println(list.Check(later))
	// Output:
	// token_revoked
	// <nil>
}

// The interceptor watches streams by itself. This is for whatever else stays open.
func ExampleList_Watch() {
	list, err := revocation.New(revocation.Config{})
	if err != nil {
		log.Fatal(err)
	}
	claims := verifiertest.Claims(map[string]any{"sid": "session-1"})

	ctx, cancel := context.WithCancelCause(context.Background())
	stop, err := list.Watch(claims, func(revoked *verifier.AuthError) { cancel(revoked) })
	if err != nil {
		log.Fatal(err)
	}
	defer stop()

	_ = list.Revoke(ctx, revocation.Event{Issuer: claims.Issuer(), SessionID: "session-1"})
	fmt.Println(verifier.CodeOf(context.Cause(ctx)))
	// Output: token_revoked
}

// A channelBus connects the replicas in one process.
type channelBus struct {
	mu     sync.Mutex
	events [][]byte
}

func (b *channelBus) Publish(_ context.Context, event []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.events = append(b.events, event)
	return nil
}

func (b *channelBus) Receive(ctx context.Context, received func([][]byte)) error {
	for seen := 0; ; {
		b.mu.Lock()
		fresh := b.events[seen:]
		b.mu.Unlock()
		seen += len(fresh)
		if len(fresh) > 0 {
			received(fresh)
		}
		received(nil) // that was all
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func ExampleList_Run() {
	bus := new(channelBus)
	newReplica := func(ctx context.Context) *revocation.List {
		list, err := revocation.New(revocation.Config{
			Bus:   bus,
			Stale: revocation.Refuse, // a call may not get in if we can't know
		})
		if err != nil {
			log.Fatal(err)
		}
		go list.Run(ctx) //nolint:errcheck // it returns when ctx ends
		return list
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	one, two := newReplica(ctx), newReplica(ctx)

	claims := verifiertest.Claims(map[string]any{"sub": "alice"})
	_ = one.Revoke(ctx, revocation.Event{Issuer: claims.Issuer(), Subject: "alice"})
	for verifier.CodeOf(two.Check(claims)) != verifier.CodeTokenRevoked {
		time.Sleep(time.Millisecond)
	}
	fmt.Println("it's known everywhere")
	// Output: it's known everywhere
}
