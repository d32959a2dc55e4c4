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
	auth, tokens := newAuth(t)
	message := func(name string) []byte {
		m, err := proto.Marshal(&greetv1.ConverseRequest{Name: name})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	streaming := slices.DeleteFunc(roads(), func(r road) bool { return r.format == formatConnect })
	tokens.awaitStreams(len(streaming))
	servers, conns := make([]*server, len(streaming)), make([]*http2Conn, len(streaming))
	for i, road := range streaming {
		servers[i] = road.launch(t, auth)
		servers[i].service.reused = make(chan struct{})
		fields := road.format.fields(greetv1connect.GreetServiceConverseProcedure,
			field{Name: "authorization", Value: "Bearer " + expiringToken})
		fields[slices.Index(fields, field{Name: "script", Value: answers})].Value = reuse
		conn, err := dialRaw(servers[i].addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.header(fields, false)
		conn.data(road.format.message(0, message("mine")), false)
		conns[i] = conn
	}
	for i, road := range streaming {
		<-servers[i].service.reused
		conns[i].data(road.format.message(0, message("late")), false)
	}
	for i, road := range streaming {
		t.Run(road.name, func(t *testing.T) {
			reply, err := conns[i].reply()
			want := verdict("Unauthenticated, " + expired.challenge)
			if got := road.format.verdict(reply); err != nil || got != want {
				t.Errorf("%s, %v, want %s", got, err, want)
			}
			servers[i].service.faults.checkEmpty(t, "the list of the handlers' faults")
			servers[i].errors.checkEmpty(t, "the server's log")
		})
	}
}
