package redisbus_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"go.uber.org/goleak"

	"github.com/oidcrpc/oidcrpc/internal/redistest"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/revocation"
	"github.com/oidcrpc/oidcrpc/verifier/revocation/redisbus"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// socketOfReplica makes this program a replica of a service, in a process of its own.
const socketOfReplica = "OIDCRPC_TEST_REPLICA"

func TestMain(m *testing.M) {
	logging.Disable() // go-redis prints a line for each failed dial
	if socket := os.Getenv(socketOfReplica); socket != "" {
		serveReplica(socket)
		return
	}
	goleak.VerifyTestMain(m)
}

const issuer = "https://issuer.test/"

// tokenWith returns the claims of a token with this jti.
func tokenWith(id string) *verifier.Claims {
	now := time.Now()
	return verifiertest.Claims(map[string]any{
		"iss": issuer, "sub": "alice", "jti": id, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	})
}

// serveReplica answers a line with a command by a line on standard output:
//
//	check ID   "admitted" or the code of the refusal
//	watch ID   "watching", and when the token is revoked "ended" with the time in nanoseconds
//	revoke ID  "revoked" or the error
func serveReplica(socket string) {
	client := redis.NewClient(&redis.Options{Network: "unix", Addr: socket})
	bus, err := redisbus.New(client, redisbus.Config{})
	if err != nil {
		panic(err)
	}
	list, err := revocation.New(revocation.Config{Bus: bus, Stale: revocation.Admit})
	if err != nil {
		panic(err)
	}
	go list.Run(context.Background())

	var mu sync.Mutex
	say := func(format string, values ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Printf(format+"\n", values...)
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		command, id, _ := strings.Cut(lines.Text(), " ")
		switch command {
		case "check":
			if err := list.Check(tokenWith(id)); err != nil {
				say("%s", verifier.CodeOf(err))
			} else {
				say("admitted")
			}
		case "watch":
			_, err := list.Watch(tokenWith(id), func(*verifier.AuthError) {
				say("ended %d", time.Now().UnixNano())
			})
			if err != nil {
				panic(err)
			}
			say("watching")
		case "revoke":
			if err := list.Revoke(context.Background(), revocation.Event{Issuer: issuer, TokenID: id}); err != nil {
				say("%v", err)
			} else {
				say("revoked")
			}
		}
	}
}

// A replica is such a process.
type replica struct {
	cmd    *exec.Cmd
	input  io.WriteCloser
	output *bufio.Scanner
}

func startReplica(t *testing.T, server *redistest.Server) *replica {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), socketOfReplica+"="+server.Socket())
	cmd.Stderr = os.Stderr
	input, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return &replica{cmd: cmd, input: input, output: bufio.NewScanner(output)}
}

// ask sends a command and returns the next line.
func (r *replica) ask(t *testing.T, command, id string) string {
	t.Helper()
	if _, err := fmt.Fprintln(r.input, command, id); err != nil {
		t.Fatal(err)
	}
	return r.hear(t)
}

func (r *replica) hear(t *testing.T) string {
	t.Helper()
	if !r.output.Scan() {
		t.Fatalf("the replica has ended: %v", r.output.Err())
	}
	return r.output.Text()
}

// refuses waits until the replica refuses a token as revoked.
func (r *replica) refuses(t *testing.T, id string) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		answer := r.ask(t, "check", id)
		if answer == string(verifier.CodeTokenRevoked) {
			return
		}
		if answer != "admitted" || time.Now().After(deadline) {
			t.Fatalf("token %s: %s", id, answer)
		}
	}
}
