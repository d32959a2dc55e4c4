package grpcauth_test

import (
	"context"
	"net"
	"testing"

	"google.golang.org/grpc/peer"

	"github.com/oidcrpc/oidcrpc/grpcauth"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

func TestObserversHearThePeerAsItsAddressSpellsIt(t *testing.T) {
	var heard string
	intercept := grpcauth.UnaryServerInterceptor(newAuth(t, verifiertest.NewIssuer(),
		interceptor.WithObserver(func(_ context.Context, d interceptor.Decision) { heard = d.Peer })))
	for _, address := range []net.Addr{
		&net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 80},
		&net.TCPAddr{IP: net.IPv4(192, 0, 2, 1).To4(), Port: 65535},
		&net.TCPAddr{IP: net.ParseIP("2001:db8::1"), Port: 80},
		&net.TCPAddr{IP: net.ParseIP("fe80::1"), Port: 80, Zone: "eth0"},
		&net.TCPAddr{IP: net.ParseIP("::ffff:192.0.2.1"), Port: 0},
		&net.TCPAddr{IP: net.IP{1, 2, 3}, Port: 80},
		&net.TCPAddr{Port: 80},
		&net.TCPAddr{IP: net.IPv6zero, Port: -1},
		&net.TCPAddr{IP: net.IPv6zero, Port: 1 << 16},
		(*net.TCPAddr)(nil),
		&net.UnixAddr{Name: "/run/socket", Net: "unix"},
	} {
		ctx := peer.NewContext(t.Context(), &peer.Peer{Addr: address})
		refusedUnary(ctx, t, intercept)
		if heard != address.String() {
			t.Errorf("peer = %q, want %q", heard, address.String())
		}
	}
}
