package wire_test

import (
	"context"
	"net"
	"testing"

	"github.com/oidcrpc/oidcrpc/interceptor"
)

func TestEveryPathNamesItsCallersAddress(t *testing.T) {
	tokens := newJudge(t)
	peers := make(chan string, 8)
	auth, err := interceptor.New(tokens, interceptor.WithObserver(func(_ context.Context, d interceptor.Decision) {
		peers <- d.Peer
	}))
	if err != nil {
		t.Fatal(err)
	}
	for _, road := range roads() {
		for _, procedure := range road.procedures() {
			server := road.launch(t, auth)
			conn, err := dialRaw(server.addr)
			if err != nil {
				t.Fatal(err)
			}
			conn.request(road.format.fields(procedure), road.format.message(0, nil))
			if got, want := <-peers, conn.LocalAddr().(*net.TCPAddr).String(); got != want {
				t.Errorf("%s%s: %q, want %q", road.name, procedure, got, want)
			}
			_ = conn.Close()
		}
	}
}
