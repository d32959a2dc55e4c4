package wire_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connect"
)

const reuse = "reuses its message"

// reuseMessage receives into one message until the expiry, and then gives it to
// somebody else while the transport's own receive still waits. A message that arrives
// now must not end up there.
func reuseMessage(_ context.Context, s stream) error {
	message := &greetv1.ConverseRequest{}
	for {
		if err := s.receiveInto(message); err != nil {
			s.checkExpired("a receive", err)
			break
		}
		if message.GetName() != "mine" {
			s.service.fault("received %v", message)
		}
	}
	message.Name = "somebody else's"
	close(s.service.reused)
	for range 20 {
		time.Sleep(5 * time.Millisecond) // what comes in comes in meanwhile
		if message.GetName() != "somebody else's" {
			s.service.fault("a message was received into one that was given away")
			break
		}
	}
	return nil
}

func TestHandlerMayReuseItsMessageAfterTheExpiry(t *testing.T) {
	t.Parallel()
	auth, _ := newAuth(t)
	message := func(name string) []byte {
		m, err := proto.Marshal(&greetv1.ConverseRequest{Name: name})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	for _, road := range roads() {
		if road.format == formatConnect {
			continue // it has no streams
		}
		t.Run(road.name, func(t *testing.T) {
			t.Parallel() // so that all wait for the expiry together
			server := road.launch(t, auth)
			server.service.reused = make(chan struct{})
			fields := road.format.fields(greetv1connect.GreetServiceConverseProcedure,
				field{Name: "authorization", Value: "Bearer " + expiringToken})
			fields[slices.Index(fields, field{Name: "script", Value: answers})].Value = reuse
			conn, err := dialRaw(server.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			conn.header(fields, false)
			conn.data(road.format.message(0, message("mine")), false)
			<-server.service.reused
			conn.data(road.format.message(0, message("late")), false)
			reply, err := conn.reply()
			want := verdict("Unauthenticated, " + expired.challenge)
			if got := road.format.verdict(reply); err != nil || got != want {
				t.Errorf("%s, %v, want %s", got, err, want)
			}
			server.service.faults.checkEmpty(t, "the list of the handlers' faults")
			server.errors.checkEmpty(t, "the server's log")
		})
	}
}
