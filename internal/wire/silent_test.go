package wire_test

import (
	"slices"
	"testing"

	"github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connect"
)

// The handler of a server stream waits for the one request in generated code. A client that
// never sends it is told nevertheless.
func TestSilentClientIsToldTheExpiry(t *testing.T) {
	auth, tokens := newAuth(t)
	streaming := slices.DeleteFunc(roads(), func(r road) bool { return r.format == formatConnect })
	tokens.awaitStreams(len(streaming))
	servers, conns := make([]*server, len(streaming)), make([]*http2Conn, len(streaming))
	for i, road := range streaming {
		servers[i] = road.launch(t, auth)
		conn, err := dialRaw(servers[i].addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.header(road.format.fields(greetv1connect.GreetServiceWatchProcedure,
			field{Name: "authorization", Value: "Bearer " + expiringToken}), false)
		conns[i] = conn
	}
	for i, road := range streaming {
		t.Run(road.name, func(t *testing.T) {
			reply, err := conns[i].reply()
			want := verdict("Unauthenticated, " + expired.challenge)
			if got := road.format.verdict(reply); err != nil || got != want {
				t.Errorf("%s, %v, want %s", got, err, want)
			}
			if ran := servers[i].service.ran.Load(); ran != 0 {
				t.Error("the handler ran without a request")
			}
			servers[i].checkQuiet(t)
		})
	}
}
