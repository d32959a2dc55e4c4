package redisbus_test

import (
	"context"
	"errors"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/oidcrpc/oidcrpc/internal/redistest"
	"github.com/oidcrpc/oidcrpc/verifier/revocation/redisbus"
)

const stream = "oidcrpc:revocations"

// patience is how long a test waits for what takes milliseconds on an idle machine.
const patience = time.Minute

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// newClient returns a client with go-redis's defaults.
func newClient(t *testing.T, server *redistest.Server) *redis.Client {
	t.Helper()
	client := redis.NewClient(&redis.Options{Network: "unix", Addr: server.Socket()})
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func newBus(t *testing.T, client redis.UniversalClient, config redisbus.Config) *redisbus.Bus {
	t.Helper()
	bus, err := redisbus.New(client, config)
	if err != nil {
		t.Fatal(err)
	}
	return bus
}

func publish(t *testing.T, bus *redisbus.Bus, events ...string) {
	t.Helper()
	for _, event := range events {
		if err := bus.Publish(within(t), []byte(event)); err != nil {
			t.Fatal(err)
		}
	}
}

// A receiver is a call of Receive, in a goroutine.
type receiver struct {
	batches chan []string // an empty one says there's nothing more
	ended   chan error
	cancel  context.CancelFunc
}

// receive runs until it's stopped or the test ends.
func receive(t *testing.T, bus *redisbus.Bus) *receiver {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r := &receiver{batches: make(chan []string), ended: make(chan error, 1), cancel: cancel}
	go func() {
		r.ended <- bus.Receive(ctx, func(events [][]byte) {
			var batch []string
			for _, event := range events {
				batch = append(batch, string(event))
			}
			select {
			case r.batches <- batch:
			case <-ctx.Done():
			}
		})
		close(r.ended)
	}()
	t.Cleanup(func() { r.stop(t) })
	return r
}

func (r *receiver) stop(t *testing.T) error {
	t.Helper()
	r.cancel()
	select {
	case err := <-r.ended:
		return err
	case <-time.After(patience):
		t.Fatal("Receive goes on after its context")
		return nil
	}
}

// next returns the next batch, which may be empty.
func (r *receiver) next(t *testing.T) []string {
	t.Helper()
	select {
	case batch := <-r.batches:
		return batch
	case err := <-r.ended:
		t.Fatalf("Receive ended: %v", err)
	case <-time.After(patience):
		t.Fatal("no batch came")
	}
	return nil
}

// untilEmpty returns what is received before the next empty batch.
func (r *receiver) untilEmpty(t *testing.T) (events []string) {
	t.Helper()
	for {
		batch := r.next(t)
		if len(batch) == 0 {
			return events
		}
		events = append(events, batch...)
	}
}

func (r *receiver) expect(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	for deadline := time.Now().Add(patience); len(got) < len(want) && time.Now().Before(deadline); {
		got = append(got, r.next(t)...)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("received %q, want %q", got, want)
	}
}

func TestReceiveDeliversWhatIsKeptAndThenWhatFollows(t *testing.T) {
	client := newClient(t, redistest.Start(t))
	publisher := newBus(t, client, redisbus.Config{})
	publish(t, publisher, "a", "b")
	r := receive(t, newBus(t, client, redisbus.Config{}))
	if got := r.untilEmpty(t); !slices.Equal(got, []string{"a", "b"}) {
		t.Fatalf("received %q first", got)
	}
	publish(t, publisher, "c")
	r.expect(t, "c")
	publish(t, publisher, "d")
	r.expect(t, "d")
}

func TestReceiveSaysAtOnceAndThenEverySecondThatThereIsNothingNew(t *testing.T) {
	r := receive(t, newBus(t, newClient(t, redistest.Start(t)), redisbus.Config{}))
	for range 3 {
		if got := r.next(t); len(got) != 0 {
			t.Fatalf("received %q", got)
		}
	}
}

func TestReceiveDeliversMoreThanABatchBeforeAnEmptyOne(t *testing.T) {
	client := newClient(t, redistest.Start(t))
	var want []string
	change(t, client, func(p redis.Pipeliner) {
		for i := range 1234 {
			want = append(want, strconv.Itoa(i))
			add(t, p, "*", want[i])
		}
	})
	if got := receive(t, newBus(t, client, redisbus.Config{})).untilEmpty(t); !slices.Equal(got, want) {
		t.Errorf("received %d events, want %d in their order", len(got), len(want))
	}
}

func TestEachReceiveStartsFromTheOldestEvent(t *testing.T) {
	client := newClient(t, redistest.Start(t))
	bus := newBus(t, client, redisbus.Config{})
	publish(t, bus, "a")
	r := receive(t, bus)
	r.untilEmpty(t)
	if err := r.stop(t); !errors.Is(err, context.Canceled) {
		t.Fatalf("Receive returned %v", err)
	}
	publish(t, bus, "b")
	for range 2 { // also two at a time
		if got := receive(t, bus).untilEmpty(t); !slices.Equal(got, []string{"a", "b"}) {
			t.Errorf("received %q", got)
		}
	}
	if got := bus.Status().Rereads; got != 0 {
		t.Errorf("%d rereads, want 0", got)
	}
}

func TestReceiveSkipsWhatNoListHasWritten(t *testing.T) {
	client := newClient(t, redistest.Start(t))
	publisher, bus := newBus(t, client, redisbus.Config{}), newBus(t, client, redisbus.Config{})
	r := receive(t, bus)
	r.next(t)
	for _, fields := range [][]string{
		{"foreign", "x"},
		{"Event", "x"},
		{"event", strings.Repeat("x", 32<<10+1)},
		{"event", strings.Repeat("x", 1<<20), "foreign", "x"},
	} {
		add(t, client, "*", fields...)
	}
	add(t, client, "*", "foreign", "x", "event", "a")
	longest := strings.Repeat("x", 32<<10)
	publish(t, publisher, longest, "b")
	r.expect(t, "a", longest, "b")
	if got := bus.Status().Skipped; got != 4 {
		t.Errorf("skipped %d entries, want 4", got)
	}
}

func TestPublishRefusesWhatReceiveWouldSkip(t *testing.T) {
	client := newClient(t, redistest.Start(t))
	err := newBus(t, client, redisbus.Config{}).Publish(within(t), make([]byte, 32<<10+1))
	if err == nil || !strings.Contains(err.Error(), "32769 bytes") {
		t.Errorf("Publish returned %v", err)
	}
	if n := client.XLen(within(t), stream).Val(); n != 0 {
		t.Errorf("the stream holds %d entries", n)
	}
}

func TestPublishNeverForgetsAnEventForANewOne(t *testing.T) {
	client := newClient(t, redistest.Start(t))
	bus := newBus(t, client, redisbus.Config{MaxEvents: 3})
	publish(t, bus, "a", "b", "c")
	if err := bus.Publish(within(t), []byte("d")); !errors.Is(err, redisbus.ErrFull) {
		t.Errorf("Publish returned %v, want ErrFull", err)
	}
	if got := receive(t, bus).untilEmpty(t); !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("the stream holds %q", got)
	}
}

// ago returns the ID of an entry that was added some time ago.
func ago(t *testing.T, client *redis.Client, age time.Duration) string {
	t.Helper()
	now, err := client.Time(within(t)).Result()
	if err != nil {
		t.Fatal(err)
	}
	return strconv.FormatInt(now.Add(-age).UnixMilli(), 10) + "-*"
}

func add(t *testing.T, client redis.Cmdable, id string, fields ...string) {
	t.Helper()
	if len(fields) == 1 {
		fields = []string{"event", fields[0]}
	}
	err := client.XAdd(within(t), &redis.XAddArgs{Stream: stream, ID: id, Values: fields}).Err()
	if err != nil {
		t.Fatal(err)
	}
}

func addAged(t *testing.T, client *redis.Client, age time.Duration, event string) {
	t.Helper()
	add(t, client, ago(t, client, age), event)
}

func TestPublishMakesRoomOnlyByAge(t *testing.T) {
	client := newClient(t, redistest.Start(t))
	bus := newBus(t, client, redisbus.Config{MaxEvents: 3, Keep: time.Hour})
	addAged(t, client, 2*time.Hour, "a")
	addAged(t, client, 71*time.Minute, "b")
	addAged(t, client, 69*time.Minute, "c") // a list keeps it for 10 minutes more
	publish(t, bus, "d", "e")
	if err := bus.Publish(within(t), []byte("f")); !errors.Is(err, redisbus.ErrFull) {
		t.Errorf("Publish returned %v, want ErrFull", err)
	}
	if got := receive(t, bus).untilEmpty(t); !slices.Equal(got, []string{"c", "d", "e"}) {
		t.Errorf("the stream holds %q", got)
	}
}

func TestPublishTrimsBeforeTheStreamIsFull(t *testing.T) {
	client := newClient(t, redistest.Start(t))
	bus := newBus(t, client, redisbus.Config{Keep: time.Hour})
	old := ago(t, client, 2*time.Hour)
	change(t, client, func(p redis.Pipeliner) {
		for range 1000 {
			add(t, p, old, "old")
		}
	})
	publish(t, bus, "a")
	if n := client.XLen(within(t), stream).Val(); n > 200 {
		t.Errorf("the stream holds %d entries, and all but one were too old", n)
	}
}

// change has Redis do several things at once, so that no reader comes between.
func change(t *testing.T, client *redis.Client, commands func(redis.Pipeliner)) {
	t.Helper()
	_, err := client.TxPipelined(within(t), func(p redis.Pipeliner) error {
		commands(p)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestReceiveReadsAStreamAgainOnceItsLastEntryIsGone(t *testing.T) {
	client := newClient(t, redistest.Start(t))
	bus := newBus(t, client, redisbus.Config{})
	publish(t, bus, "a", "b", "c")
	r := receive(t, bus)
	r.untilEmpty(t)
	change(t, client, func(p redis.Pipeliner) {
		p.XTrimMaxLen(t.Context(), stream, 0)
		add(t, p, "*", "d")
	})
	r.expect(t, "d")
	eventually(t, "the stream is read again", func() bool { return bus.Status().Rereads == 1 })
	publish(t, bus, "e")
	r.expectBatch(t, bus, "e") // perhaps after "d" once more
}

func TestReceiveHearsAStreamWhoseIDsGoBack(t *testing.T) {
	server := redistest.Start(t)
	client := newClient(t, server)
	publisher, bus := newBus(t, client, redisbus.Config{}), newBus(t, client, redisbus.Config{})
	publish(t, publisher, "a")
	r := receive(t, bus)
	r.untilEmpty(t)

	server.Kill() // it forgets everything
	server.Restart(t)
	addAged(t, client, time.Hour, "b")
	r.expectBatch(t, bus, "b")
	publish(t, publisher, "c")
	r.expect(t, "c")
}

// expectBatch waits for a batch that ends so. It calls Receive again as a list does.
func (r *receiver) expectBatch(t *testing.T, bus *redisbus.Bus, want ...string) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		select {
		case batch := <-r.batches:
			if len(batch) >= len(want) && slices.Equal(batch[len(batch)-len(want):], want) {
				return
			}
		case <-r.ended:
			*r = *receive(t, bus)
		}
	}
	t.Fatalf("%q was never received", want)
}

// A replica of Redis takes over that never saw "a", and its clock was behind.
func TestReceiveHearsWhatAnotherServerHasAddedBeforeItsLastEntry(t *testing.T) {
	client := newClient(t, redistest.Start(t))
	bus := newBus(t, client, redisbus.Config{})
	addAged(t, client, time.Hour, "a")
	r := receive(t, bus)
	r.untilEmpty(t)
	change(t, client, func(p redis.Pipeliner) {
		p.Del(t.Context(), stream)
		add(t, p, ago(t, client, 2*time.Hour), "b")
		add(t, p, "*", "c")
	})
	r.expectBatch(t, bus, "b", "c") // perhaps after "c" alone
}

func TestWithoutRedisPublishAndReceiveFail(t *testing.T) {
	server := redistest.Start(t)
	bus := newBus(t, newClient(t, server), redisbus.Config{})
	server.Kill()
	if err := bus.Publish(within(t), []byte("a")); err == nil || errors.Is(err, redisbus.ErrFull) {
		t.Errorf("Publish returned %v", err)
	}
	if err := bus.Receive(within(t), func([][]byte) {}); err == nil || within(t).Err() != nil {
		t.Errorf("Receive returned %v", err)
	}
}

func TestAKeyOfAnotherTypeIsAnError(t *testing.T) {
	client := newClient(t, redistest.Start(t))
	bus := newBus(t, client, redisbus.Config{Stream: "taken"})
	if err := client.Set(within(t), "taken", "x", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if err := bus.Publish(within(t), []byte("a")); err == nil || !strings.Contains(err.Error(), "WRONGTYPE") {
		t.Errorf("Publish returned %v", err)
	}
	err := bus.Receive(within(t), func([][]byte) {})
	if err == nil || !strings.Contains(err.Error(), `"taken": WRONGTYPE`) {
		t.Errorf("Receive returned %v", err)
	}
}

func TestAHungRedisHoldsNeitherCallPastItsContext(t *testing.T) {
	server := redistest.Start(t)
	client := newClient(t, server)
	bus := newBus(t, client, redisbus.Config{})
	r := receive(t, bus)
	r.next(t)
	server.Signal(t, syscall.SIGSTOP)
	if err := r.stop(t); !errors.Is(err, context.Canceled) {
		t.Errorf("Receive returned %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, cancel)
	if err := bus.Publish(ctx, []byte("a")); !errors.Is(err, context.Canceled) {
		t.Errorf("Publish returned %v", err)
	}
}

func TestBusWorksOnACluster(t *testing.T) {
	addr := freeAddress(t)
	_, port, _ := net.SplitHostPort(addr)
	_, busPort, _ := net.SplitHostPort(freeAddress(t))
	server := redistest.Start(t, "--cluster-enabled", "yes", "--bind", "127.0.0.1", "--port", port, "--cluster-port", busPort)
	if err := newClient(t, server).ClusterAddSlotsRange(within(t), 0, 16383).Err(); err != nil {
		t.Fatal(err)
	}
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{addr}})
	t.Cleanup(func() { _ = client.Close() })
	eventually(t, "the cluster is up", func() bool { return client.Set(t.Context(), "x", "y", 0).Err() == nil })
	bus := newBus(t, client, redisbus.Config{})
	publish(t, bus, "a")
	r := receive(t, bus)
	if got := r.untilEmpty(t); !slices.Equal(got, []string{"a"}) {
		t.Errorf("received %q", got)
	}
}

func TestTheRightsInTheIntroductionAreEnough(t *testing.T) {
	introduction, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	_, rights, isThere := strings.Cut(string(introduction), "//\tACL SETUSER ")
	rights, _, _ = strings.Cut(rights, "\n")
	if !isThere {
		t.Fatal("the introduction names no rights")
	}
	command := []any{"ACL", "SETUSER"}
	for word := range strings.FieldsSeq(rights) {
		command = append(command, word)
	}
	server := redistest.Start(t)
	if err := newClient(t, server).Do(within(t), command...).Err(); err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(&redis.Options{
		Network: "unix", Addr: server.Socket(), Username: "orders", Password: "secret",
	})
	t.Cleanup(func() { _ = client.Close() })
	bus := newBus(t, client, redisbus.Config{})
	publish(t, bus, "a")
	r := receive(t, bus)
	if got := r.untilEmpty(t); !slices.Equal(got, []string{"a"}) {
		t.Errorf("received %q", got)
	}
	publish(t, bus, "b")
	r.expect(t, "b")
}

func TestNewNamesTheFieldThatIsWrong(t *testing.T) {
	client := redis.NewClient(&redis.Options{})
	defer client.Close()
	for _, test := range []struct {
		client redis.UniversalClient
		config redisbus.Config
		want   string
	}{
		{nil, redisbus.Config{}, "client"},
		{client, redisbus.Config{Keep: 24}, "24*time.Hour"},
		{client, redisbus.Config{Keep: time.Second}, "Config.Keep"},
		{client, redisbus.Config{Keep: -time.Hour}, "Config.Keep"},
		{client, redisbus.Config{MaxEvents: -1}, "Config.MaxEvents"},
		{client, redisbus.Config{MaxEvents: 10_000_001}, "Config.MaxEvents"},
	} {
		if _, err := redisbus.New(test.client, test.config); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: %v, want %q in the error", test.config, err, test.want)
		}
	}
}

// freeAddress returns an address on this host without a listener.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}
