package wire_test

import (
	"bytes"
	"compress/gzip"
	"runtime"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"connectrpc.com/connect/v2/connecthttp"
	_ "google.golang.org/grpc/encoding/gzip" // servers without gzip can't be bombed
	"google.golang.org/protobuf/proto"

	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connect"
	"github.com/oidcrpc/oidcrpc/interceptor"
)

const bombSize = 32 << 20

// newBomb returns a message that is a thousand times larger than it looks.
func newBomb(t *testing.T) []byte {
	t.Helper()
	message, err := proto.Marshal(&greetv1.GreetRequest{Name: strings.Repeat("a", bombSize)})
	if err != nil {
		t.Fatal(err)
	}
	var compressed bytes.Buffer
	w := gzip.NewWriter(&compressed)
	if _, err := w.Write(message); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return compressed.Bytes()
}

// A cost is how much a call without a token makes a server allocate.
type cost struct {
	name        string
	least, most uint64
}

var (
	unread  = cost{"as if there were no message", 0, 1 << 20}
	bounded = cost{"a few times the framework's limit", 0, 10 * limit}
	all     = cost{"all of the message", bombSize, 1 << 40}
)

// limit is grpc-go's own. Some servers give it to connect-go, too.
const limit = 4 << 20

// Unary calls are read, decompressed and decoded before any interceptor runs. Only the
// framework can bound what this costs. grpc-go has a limit, and connect-go has none
// until it's given one. Middleware runs earlier, and a stream is decided before any
// message is read.
func TestBombWithoutATokenCostsWhatTheFrameworkAllows(t *testing.T) {
	bomb := newBomb(t)
	auth, _ := newLaxAuth(t)
	limited := func(t *testing.T, auth *interceptor.Authenticator) *server {
		t.Helper()
		s := &server{service: &service{}}
		s.serveHTTP(t, newConnectHandler(auth, s.service, connect.WithReadMaxBytes(limit)))
		return s
	}
	limitedV2 := func(t *testing.T, auth *interceptor.Authenticator) *server {
		t.Helper()
		s := newConnectV2(auth)
		s.serveHTTP(t, s.mountV2(connecthttp.WithReadMaxBytes(limit)))
		return s
	}
	const exhausted verdict = "ResourceExhausted"
	const unary, bidi = greetv1connect.GreetServiceGreetProcedure, greetv1connect.GreetServiceConverseProcedure
	for _, tt := range []struct {
		name      string
		launch    launcher
		format    format
		procedure string
		want      verdict
		cost      cost
	}{
		{"grpc-go Serve", serveGRPC, formatGRPC, unary, exhausted, bounded},
		{"grpc-go Serve", serveGRPC, formatGRPC, bidi, missingToken, unread},
		{"grpc-go ServeHTTP", serveGRPCOverHTTP, formatGRPC, unary, exhausted, bounded},
		{"grpc-go ServeHTTP", serveGRPCOverHTTP, formatGRPC, bidi, missingToken, unread},

		{"Connect", serveConnect, formatConnect, unary, missingToken, all},
		{"Connect", serveConnect, formatStream, bidi, missingToken, unread},
		{"gRPC-Web", serveConnect, formatGRPCWeb, unary, missingToken, all},
		{"gRPC-Web", serveConnect, formatGRPCWeb, bidi, missingToken, unread},
		{"gRPC", serveConnect, formatGRPC, unary, missingToken, all},
		{"gRPC", serveConnect, formatGRPC, bidi, missingToken, unread},

		{"Connect, WithReadMaxBytes", limited, formatConnect, unary, exhausted, bounded},
		{"gRPC-Web, WithReadMaxBytes", limited, formatGRPCWeb, unary, exhausted, bounded},
		{"gRPC, WithReadMaxBytes", limited, formatGRPC, unary, exhausted, bounded},

		{"Connect, behind middleware", serveConnectBehindMiddleware, formatConnect, unary, missingToken, unread},
		{"Connect, behind middleware", serveConnectBehindMiddleware, formatStream, bidi, missingToken, unread},
		{"gRPC-Web, behind middleware", serveConnectBehindMiddleware, formatGRPCWeb, unary, missingToken, unread},
		{"gRPC, behind middleware", serveConnectBehindMiddleware, formatGRPC, unary, missingToken, unread},

		{"Connect, to v2", serveConnectV2, formatConnect, unary, missingToken, unread},
		{"Connect, to v2", serveConnectV2, formatStream, bidi, missingToken, unread},
		{"gRPC-Web, to v2", serveConnectV2, formatGRPCWeb, unary, missingToken, unread},
		{"gRPC-Web, to v2", serveConnectV2, formatGRPCWeb, bidi, missingToken, unread},
		{"gRPC, to v2", serveConnectV2, formatGRPC, unary, missingToken, unread},
		{"gRPC, to v2", serveConnectV2, formatGRPC, bidi, missingToken, unread},

		{"Connect, to v2, WithReadMaxBytes", limitedV2, formatConnect, unary, missingToken, unread},
		{"gRPC-Web, to v2, WithReadMaxBytes", limitedV2, formatGRPCWeb, unary, missingToken, unread},
		{"gRPC, to v2, WithReadMaxBytes", limitedV2, formatGRPC, unary, missingToken, unread},

		{"Connect, to v2 behind middleware", serveConnectV2BehindMiddleware, formatConnect, unary, missingToken, unread},
		{"Connect, to v2 behind middleware", serveConnectV2BehindMiddleware, formatStream, bidi, missingToken, unread},
		{"gRPC-Web, to v2 behind middleware", serveConnectV2BehindMiddleware, formatGRPCWeb, unary, missingToken, unread},
		{"gRPC, to v2 behind middleware", serveConnectV2BehindMiddleware, formatGRPC, unary, missingToken, unread},
	} {
		t.Run(tt.name+tt.procedure, func(t *testing.T) {
			server := tt.launch(t, auth)
			r := road{format: tt.format}
			fields := tt.format.fields(tt.procedure, field{Name: tt.format.encodingField(), Value: "gzip"})
			body := tt.format.message(1, bomb)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			got := r.send(t, server, fields, body)
			runtime.ReadMemStats(&after)
			if got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
			if n := after.TotalAlloc - before.TotalAlloc; n < tt.cost.least || n > tt.cost.most {
				t.Errorf("%d bytes were allocated, want %s", n, tt.cost.name)
			}
			if ran := server.service.ran.Load(); ran != 0 {
				t.Errorf("%d handlers ran", ran)
			}
		})
	}
}
