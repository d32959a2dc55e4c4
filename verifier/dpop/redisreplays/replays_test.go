package redisreplays_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"go.uber.org/goleak"

	"github.com/oidcrpc/oidcrpc/internal/jws"
	"github.com/oidcrpc/oidcrpc/internal/redistest"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/dpop"
	"github.com/oidcrpc/oidcrpc/verifier/dpop/redisreplays"
)

func TestMain(m *testing.M) {
	logging.Disable() // go-redis prints a line for each failed dial
	goleak.VerifyTestMain(m)
}

var _ dpop.Replays = (*redisreplays.Replays)(nil)

// patience is how long a test waits for what takes milliseconds on an idle machine.
const patience = time.Minute

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// newClient changes go-redis's defaults as said.
func newClient(t *testing.T, server *redistest.Server, change func(*redis.Options)) *redis.Client {
	t.Helper()
	options := &redis.Options{Network: "unix", Addr: server.Socket()}
	if change != nil {
		change(options)
	}
	client := redis.NewClient(options)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func newReplays(t *testing.T, client redis.UniversalClient) *redisreplays.Replays {
	t.Helper()
	replays, err := redisreplays.New(client, redisreplays.Config{Timeout: patience})
	if err != nil {
		t.Fatal(err)
	}
	return replays
}

func add(t *testing.T, replays *redisreplays.Replays, id string) bool {
	t.Helper()
	added, err := replays.Add(within(t), id, time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	return added
}

func TestAProofCountsOnceForAllReplicas(t *testing.T) {
	server := redistest.Start(t)
	newChecker := func() *dpop.Checker {
		checker, err := dpop.New(dpop.Config{
			Origins: []string{"https://api.test"},
			Replays: newReplays(t, newClient(t, server, nil)),
		})
		if err != nil {
			t.Fatal(err)
		}
		return checker
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jws.NewSigner(key, "ES256", "dpop+jwt")
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte("token"))
	request := func(id string) dpop.Request {
		proof, err := signer.Sign(fmt.Appendf(nil,
			`{"jti":%q,"htm":"POST","htu":"https://api.test/a.B/C","iat":%d,"ath":%q}`,
			id, time.Now().Unix(), base64.RawURLEncoding.EncodeToString(sum[:])))
		if err != nil {
			t.Fatal(err)
		}
		return dpop.Request{Proofs: []string{proof}, Method: "POST", Path: "/a.B/C", Token: "token"}
	}
	check := func(checker *dpop.Checker, r dpop.Request) error {
		proof, err := checker.Read(r)
		if err != nil {
			t.Fatal(err)
		}
		return proof.Check(within(t), signer.Thumbprint())
	}
	here, there := newChecker(), newChecker()
	first, second := request("1"), request("2")
	if err := check(here, first); err != nil {
		t.Errorf("a new proof: %v", err)
	}
	for _, checker := range []*dpop.Checker{here, there} {
		if err := check(checker, first); verifier.CodeOf(err) != verifier.CodeInvalidDPoPProof {
			t.Errorf("a used proof: %v", err)
		}
	}
	if err := check(there, second); err != nil {
		t.Errorf("another proof: %v", err)
	}
	server.Kill()
	if err := check(here, request("3")); verifier.CodeOf(err) != verifier.CodeReplaysFailed {
		t.Errorf("without Redis: %v", err)
	}
}

func TestExactlyOneOfManyCallsAddsAnID(t *testing.T) {
	server := redistest.Start(t)
	replicas := []*redisreplays.Replays{newReplays(t, newClient(t, server, nil)), newReplays(t, newClient(t, server, nil))}
	for i := range 20 {
		id := fmt.Sprint(i)
		var added atomic.Int32
		var calls sync.WaitGroup
		for n := range 50 {
			calls.Go(func() {
				if add(t, replicas[n%2], id) {
					added.Add(1)
				}
			})
		}
		calls.Wait()
		if n := added.Load(); n != 1 {
			t.Fatalf("%d of 50 calls added the id", n)
		}
	}
}

func TestAnIDIsRememberedUntilItsTimeIsOver(t *testing.T) {
	client := newClient(t, redistest.Start(t), nil)
	replays := newReplays(t, client)
	for id, test := range map[string]struct{ until, atMost time.Duration }{
		"long":  {time.Hour, time.Hour},
		"over":  {-time.Hour, time.Second}, // never without end
		"short": {90*time.Second + time.Millisecond, 91 * time.Second},
	} {
		if added, err := replays.Add(within(t), id, time.Now().Add(test.until)); err != nil || !added {
			t.Fatalf("%s: %v, %v", id, added, err)
		}
		left, err := client.PTTL(within(t), "oidcrpc:dpop:"+id).Result()
		if test.until < 0 && errors.Is(err, nil) && left == -2 {
			continue // it's gone already
		}
		if err != nil || left > test.atMost || left < test.atMost-patience || left <= 0 {
			t.Errorf("%s: remembered for %v more, want about %v; %v", id, left, test.atMost, err)
		}
	}
}

// A forgetfulConn loses one answer to a SET, and its connection with it.
type forgetfulConn struct {
	net.Conn

	lost  *atomic.Bool
	isSet atomic.Bool
}

func (c *forgetfulConn) Write(b []byte) (int, error) {
	c.isSet.Store(strings.Contains(string(b), "\r\nset\r\n"))
	return c.Conn.Write(b)
}

func (c *forgetfulConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err == nil && c.isSet.Load() && c.lost.CompareAndSwap(false, true) {
		_ = c.Close()
		return 0, io.EOF
	}
	return n, err
}

func TestALostAnswerDoesNotTurnAProofIntoAReplay(t *testing.T) {
	server := redistest.Start(t)
	var lost atomic.Bool
	replays := newReplays(t, newClient(t, server, func(o *redis.Options) {
		o.Dialer = func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, addr)
			return &forgetfulConn{Conn: conn, lost: &lost}, err
		}
	}))
	if !add(t, replays, "a") {
		t.Error("the first call counts as a replay")
	}
	if !lost.Load() {
		t.Error("no answer was lost")
	}
	if add(t, replays, "a") {
		t.Error("the second call was added")
	}
}

func TestNoIDIsAddedThatRedisDoesNotKeep(t *testing.T) {
	t.Run("down", func(t *testing.T) {
		server := redistest.Start(t)
		replays := newReplays(t, newClient(t, server, nil))
		server.Kill()
		if added, err := replays.Add(within(t), "a", time.Now().Add(time.Hour)); err == nil || added {
			t.Errorf("%v, %v", added, err)
		}
	})
	t.Run("full", func(t *testing.T) {
		server := redistest.Start(t, "--maxmemory", "1kb", "--maxmemory-policy", "noeviction")
		replays := newReplays(t, newClient(t, server, nil))
		added, err := replays.Add(within(t), "a", time.Now().Add(time.Hour))
		if err == nil || added || !strings.Contains(err.Error(), "OOM") {
			t.Errorf("%v, %v", added, err)
		}
	})
	t.Run("hung", func(t *testing.T) {
		server := redistest.Start(t)
		client := newClient(t, server, func(o *redis.Options) { o.ReadTimeout = time.Hour })
		replays, err := redisreplays.New(client, redisreplays.Config{Timeout: 10 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		server.Signal(t, syscall.SIGSTOP)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			added, err := replays.Add(within(t), "a", time.Now().Add(time.Hour))
			if added || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v, %v", added, err)
			}
		}()
		select {
		case <-ended:
		case <-time.After(patience):
			t.Error("it waits for longer than Config.Timeout")
			server.Kill()
			<-ended
		}
	})
}

func TestAnIDSurvivesAKill(t *testing.T) {
	server := redistest.Start(t, redistest.Durable()...)
	replays := newReplays(t, newClient(t, server, nil))
	if !add(t, replays, "a") {
		t.Fatal("not added")
	}
	server.Restart(t)
	if add(t, replays, "a") {
		t.Error("it was forgotten")
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
	if err := newClient(t, server, nil).Do(within(t), command...).Err(); err != nil {
		t.Fatal(err)
	}
	replays := newReplays(t, newClient(t, server, func(o *redis.Options) {
		o.Username, o.Password = "orders", "secret"
	}))
	if !add(t, replays, "a") || add(t, replays, "a") {
		t.Error("not added once")
	}
}

func TestNewNamesTheFieldThatIsWrong(t *testing.T) {
	client := redis.NewClient(&redis.Options{})
	defer client.Close()
	for _, test := range []struct {
		client redis.UniversalClient
		config redisreplays.Config
		want   string
	}{
		{nil, redisreplays.Config{}, "client"},
		{client, redisreplays.Config{Timeout: 1}, "1*time.Second"},
		{client, redisreplays.Config{Timeout: -time.Second}, "Config.Timeout"},
		{client, redisreplays.Config{Timeout: time.Hour}, "Config.Timeout"},
	} {
		_, err := redisreplays.New(test.client, test.config)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: %v, want %q in the error", test.config, err, test.want)
		}
	}
}
