package wire_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"connectrpc.com/connect/v2/connecthttp"
	"google.golang.org/grpc/codes"

	"github.com/oidcrpc/oidcrpc/interceptor"
)

type (
	launcher func(*testing.T, *interceptor.Authenticator) *server
	dialer   func(*testing.T, *server) client
)

// A path is one road from a client to a handler.
type path struct {
	name   string
	launch launcher
	dial   dialer
	kinds  []kind

	start  place // where the challenge travels if no handler runs; "" means as unsent
	unsent place // where, while a handler has sent nothing
	sent   place // and where, once it has

	statuses   bool // a unary call tells its code as an HTTP status
	silent     bool // an error that isn't the framework's own loses its message
	http1      bool
	middleware bool
}

var (
	allKinds   = []kind{unary, serverStream, clientStream, bidiStream}
	http1Kinds = []kind{unary, serverStream, clientStream}
)

const inProcess = "v2 in process"

// paths returns all of them. Each place is one that the framework and net/http let a
// challenge through: net/http drops it from the trailers of HTTP, which the gRPC
// protocol alone uses, and logs a line for it.
func paths() []path {
	native := []path{
		{
			name: "grpc-go Serve", launch: serveGRPC, dial: dialGRPC, kinds: allKinds,
			unsent: trailer, sent: trailer,
		},
		{
			name: "grpc-go ServeHTTP", launch: serveGRPCOverHTTP, dial: dialGRPC, kinds: allKinds,
			unsent: header, sent: nowhere,
		},
	}
	const middleware, open = "behind middleware", "behind middleware that admits every call"
	v1, v2, byV2 := connectPaths(), connectV2Paths(), connectV2ClientPaths()
	return slices.Concat(native, v1, v2, byV2, []path{inProcessPath()},
		refusedEarly(behind(middleware, serveConnectBehindMiddleware, v1)),
		refusedEarly(behind(middleware, serveConnectV2BehindMiddleware, slices.Concat(v2, byV2))),
		behind(open, serveConnectBehindOpenMiddleware, v1),
		behind(open, serveConnectV2BehindOpenMiddleware, v2))
}

func connectPaths() []path {
	return []path{
		{
			name: "Connect", launch: serveConnect, dial: dialHTTP2(), kinds: allKinds,
			unsent: header, sent: trailer, statuses: true,
		},
		{
			name: "gRPC-Web", launch: serveConnect, dial: dialHTTP2(connect.WithGRPCWeb()), kinds: allKinds,
			unsent: header, sent: trailer,
		},
		{
			name: "gRPC", launch: serveConnect, dial: dialHTTP2(connect.WithGRPC()), kinds: allKinds,
			unsent: header, sent: nowhere,
		},
		{
			name: "gRPC from grpc-go", launch: serveConnect, dial: dialGRPC, kinds: allKinds,
			unsent: header, sent: nowhere,
		},
		{
			name: "Connect, HTTP 1", launch: serveConnect, dial: dialHTTP1(), kinds: http1Kinds,
			unsent: header, sent: trailer, statuses: true, http1: true,
		},
		{
			name: "gRPC-Web, HTTP 1", launch: serveConnect, dial: dialHTTP1(connect.WithGRPCWeb()), kinds: http1Kinds,
			unsent: header, sent: trailer, http1: true,
		},
	}
}

// connectV2Paths lead from v1's clients and grpc-go to connect-go v2.
func connectV2Paths() []path {
	paths := connectPaths()
	for i := range paths {
		paths[i].name += ", to v2"
		paths[i].launch = serveConnectV2
		paths[i].silent = true
	}
	return paths
}

// connectV2ClientPaths lead there from its own client.
func connectV2ClientPaths() []path {
	return []path{
		{
			name: "Connect, v2", launch: serveConnectV2, dial: dialConnectV2(), kinds: allKinds,
			unsent: header, sent: trailer, statuses: true, silent: true,
		},
		{
			name: "gRPC-Web, v2", launch: serveConnectV2, dial: dialConnectV2(connecthttp.WithGRPCWeb()), kinds: allKinds,
			unsent: header, sent: trailer, silent: true,
		},
		{
			name: "gRPC, v2", launch: serveConnectV2, dial: dialConnectV2(connecthttp.WithGRPC()), kinds: allKinds,
			unsent: header, sent: nowhere, silent: true,
		},
	}
}

// inProcessPath is the one that is no network.
func inProcessPath() path {
	return path{
		name: inProcess, launch: serveInProcess, dial: dialInProcess, kinds: allKinds,
		unsent: header, sent: trailer, silent: true,
	}
}

// behind returns paths to middleware. They differ in HTTP/1.1, whether it is the
// middleware that refuses or the interceptor.
func behind(name string, launch launcher, paths []path) []path {
	paths = slices.Clone(paths)
	for i := range paths {
		paths[i].name += ", " + name
		paths[i].launch = launch
		paths[i].middleware = true
	}
	return paths
}

// refusedEarly changes paths to middleware that refuses calls itself. Its responses in
// gRPC and gRPC-Web have one block. grpc-go takes it for a trailer, and v2's client for
// both.
func refusedEarly(paths []path) []path {
	for i := range paths {
		switch {
		case strings.HasPrefix(paths[i].name, "gRPC from grpc-go"):
			paths[i].start = trailer
		case strings.HasPrefix(paths[i].name, "gRPC, v2"), strings.HasPrefix(paths[i].name, "gRPC-Web, v2"):
			paths[i].start = both
		}
	}
	return paths
}

// waitsForRequest reports whether an answer comes only once the client has ended
// its side of the stream.
func (p path) waitsForRequest() bool { return p.http1 && !p.middleware }

// endsConnection reports whether a refusal may be the last response of its connection, and
// whether it must, since the client is still sending. It isn't if all of the request has
// arrived by then, which a busy machine may delay.
func (p path) endsConnection(kind kind) (may, must bool) {
	may = p.http1 && p.middleware
	return may, may && kind == clientStream
}

// A moment is when a call is refused.
type moment int

const (
	atStart moment = iota // before a handler runs
	unsent                // while the handler has sent nothing
	sent
)

func (p path) place(m moment) place {
	switch {
	case m == sent:
		return p.sent
	case m == atStart && p.start != "":
		return p.start
	default:
		return p.unsent
	}
}

// check compares what depends on the path.
func (p path) check(t *testing.T, a answer, kind kind, want outcome, m moment) {
	t.Helper()
	where := p.place(m)
	a.check(t, want, where)
	refused := want.code != codes.OK
	// A header would come first.
	if wantBare := where == trailer && refused && m != sent; a.bare != wantBare {
		t.Errorf("Trailers-Only = %v, want %v", a.bare, wantBare)
	}
	may, must := p.endsConnection(kind)
	if early := refused && m != sent; a.closes && !(may && early) || !a.closes && must && early {
		t.Errorf("connection ends = %v", a.closes)
	}
	wantStatus := http.StatusOK
	if p.statuses && kind == unary {
		wantStatus = want.status
	}
	if a.status != 0 && a.status != wantStatus {
		t.Errorf("HTTP status = %d, want %d", a.status, wantStatus)
	}
}
