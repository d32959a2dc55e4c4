package natsbus_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/oidcrpc/oidcrpc/internal/natsbus"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/revocation"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

const patience = time.Minute

// startServer runs a NATS server in this process. It keeps its streams in dir.
func startServer(t *testing.T, dir string, port int) *server.Server {
	t.Helper()
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: port, JetStream: true, StoreDir: dir, NoSigs: true, NoLog: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { stop(s) })
	if !s.ReadyForConnections(patience) {
		t.Fatal("the server isn't ready")
	}
	return s
}

func stop(s *server.Server) {
	s.Shutdown()
	s.WaitForShutdown()
}

func connect(t *testing.T, s *server.Server) jetstream.JetStream {
	t.Helper()
	conn, err := nats.Connect(s.ClientURL(), nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func makeStream(t *testing.T, js jetstream.JetStream, settings jetstream.StreamConfig) {
	t.Helper()
	if _, err := js.CreateOrUpdateStream(within(t), settings); err != nil {
		t.Fatal(err)
	}
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// untilEmpty receives until the bus says that there's nothing more.
func untilEmpty(t *testing.T, bus natsbus.Bus) (events []string) {
	t.Helper()
	ctx, cancel := context.WithCancel(within(t))
	err := bus.Receive(ctx, func(batch [][]byte) {
		for _, event := range batch {
			events = append(events, string(event))
		}
		if len(batch) == 0 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("Receive returned %v", err)
	}
	return events
}

func TestBusDeliversWhatIsKeptAndThenWhatFollows(t *testing.T) {
	js := connect(t, startServer(t, t.TempDir(), server.RANDOM_PORT))
	makeStream(t, js, natsbus.Settings)
	bus := natsbus.Bus{JetStream: js}
	var want []string
	for i := range 700 {
		want = append(want, strconv.Itoa(i))
		if err := bus.Publish(within(t), []byte(want[i])); err != nil {
			t.Fatal(err)
		}
	}
	if got := untilEmpty(t, bus); !slices.Equal(got, want) {
		t.Errorf("received %d events, want %d in their order", len(got), len(want))
	}
}

func TestBusForgetsNoEventForANewOne(t *testing.T) {
	js := connect(t, startServer(t, t.TempDir(), server.RANDOM_PORT))
	settings := natsbus.Settings
	settings.MaxMsgs = 2
	makeStream(t, js, settings)
	bus := natsbus.Bus{JetStream: js}
	for _, event := range []string{"a", "b"} {
		if err := bus.Publish(within(t), []byte(event)); err != nil {
			t.Fatal(err)
		}
	}
	if err := bus.Publish(within(t), []byte("c")); err == nil {
		t.Error("a full stream took an event")
	}
	if got := untilEmpty(t, bus); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("the stream holds %q", got)
	}
}

func TestReceiveCatchesUpWithAStreamWhoseEventsAreGone(t *testing.T) {
	js := connect(t, startServer(t, t.TempDir(), server.RANDOM_PORT))
	makeStream(t, js, natsbus.Settings)
	bus := natsbus.Bus{JetStream: js}
	if err := bus.Publish(within(t), []byte("a")); err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(within(t), "revocations")
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Purge(within(t)); err != nil {
		t.Fatal(err)
	}
	if got := untilEmpty(t, bus); len(got) > 0 {
		t.Errorf("received %q", got)
	}
}

func TestAListTakesTheBus(t *testing.T) {
	js := connect(t, startServer(t, t.TempDir(), server.RANDOM_PORT))
	makeStream(t, js, natsbus.Settings)
	newList := func() *revocation.List {
		list, err := revocation.New(revocation.Config{Bus: natsbus.Bus{JetStream: js}, Stale: revocation.Refuse})
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	here, there := newList(), newList()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = there.Run(ctx)
	}()
	defer func() { cancel(); <-ended }()
	if err := here.Revoke(within(t), revocation.Event{Issuer: "https://issuer.test/", TokenID: "bad"}); err != nil {
		t.Fatal(err)
	}
	codeOf := func(id string) verifier.Code {
		now := time.Now()
		return verifier.CodeOf(there.Check(verifiertest.Claims(map[string]any{
			"iss": "https://issuer.test/", "jti": id, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
		})))
	}
	for deadline := time.Now().Add(patience); codeOf("bad") != verifier.CodeTokenRevoked || codeOf("good") != ""; {
		if time.Now().After(deadline) {
			t.Fatalf("the bad token: %q, the good one: %q", codeOf("bad"), codeOf("good"))
		}
		time.Sleep(time.Millisecond)
	}
}

func TestReceiveEndsWithTheServerAndCatchesUpAfterwards(t *testing.T) {
	dir := t.TempDir()
	s := startServer(t, dir, server.RANDOM_PORT)
	port := s.Addr().(*net.TCPAddr).Port
	js := connect(t, s)
	makeStream(t, js, natsbus.Settings)
	bus := natsbus.Bus{JetStream: js}
	if err := bus.Publish(within(t), []byte("a")); err != nil {
		t.Fatal(err)
	}
	var away atomic.Bool
	first, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		count := 0
		ended <- bus.Receive(within(t), func(events [][]byte) {
			if away.Load() {
				t.Errorf("received %q from a server that is gone", events)
			}
			if count++; count == 2 { // the event, and that there are no more
				close(first)
			}
		})
	}()
	<-first
	stop(s)
	away.Store(true)
	select {
	case err := <-ended:
		if err == nil {
			t.Error("Receive returned nil")
		}
	case <-time.After(patience):
		t.Fatal("Receive goes on without a server")
	}

	startServer(t, dir, port)
	for deadline := time.Now().Add(patience); bus.Publish(t.Context(), []byte("b")) != nil; {
		if time.Now().After(deadline) {
			t.Fatal("the server doesn't come back")
		}
	}
	if got := untilEmpty(t, bus); len(got) < 2 || got[0] != "a" || got[len(got)-1] != "b" {
		t.Errorf("received %q", got)
	}
}

func TestReceiveReturnsOnceItsStreamIsAnotherOne(t *testing.T) {
	js := connect(t, startServer(t, t.TempDir(), server.RANDOM_PORT))
	makeStream(t, js, natsbus.Settings)
	bus := natsbus.Bus{JetStream: js}
	for range 3 {
		if err := bus.Publish(within(t), []byte("a")); err != nil {
			t.Fatal(err)
		}
	}
	var once sync.Once
	ended := make(chan error, 1)
	go func() {
		ended <- bus.Receive(within(t), func(events [][]byte) {
			if len(events) > 0 {
				return
			}
			once.Do(func() {
				if err := js.DeleteStream(within(t), "revocations"); err != nil {
					t.Error(err)
				}
				makeStream(t, js, natsbus.Settings)
				if err := bus.Publish(within(t), []byte("b")); err != nil {
					t.Error(err)
				}
			})
		})
	}()
	select {
	case <-ended:
	case <-time.After(patience):
		t.Fatal("Receive is deaf to the new stream")
	}
	if got := untilEmpty(t, bus); !slices.Equal(got, []string{"b"}) {
		t.Errorf("received %q", got)
	}
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
