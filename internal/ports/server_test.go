package ports_test

import (
	"context"
	"net"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"github.com/oidcrpc/oidcrpc/examples/greet"
	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/interceptor"
)

// configure reads a configuration as the original's documentation writes it.
func configure(t *testing.T, to any, text string) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(text), to); err != nil {
		t.Fatal(err)
	}
}

func must(t *testing.T) func(*interceptor.Authenticator, error) *interceptor.Authenticator {
	t.Helper()
	return func(auth *interceptor.Authenticator, err error) *interceptor.Authenticator {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return auth
	}
}

// A client calls a server, with pairs of a metadata key and a value. Its stream sends a message
// every second.
type client struct {
	call  func(pairs ...string) answer
	watch func(pairs ...string) (next func() answer)
}

func connect(t *testing.T, server *grpc.Server) *grpc.ClientConn {
	t.Helper()
	listener := bufconn.Listen(1 << 16)
	go func() { _ = server.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:///",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) { return listener.Dial() }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		server.Stop()
	})
	return conn
}

func serveGreet(t *testing.T, auth *interceptor.Authenticator) *client {
	t.Helper()
	conn := greetv1.NewGreetServiceClient(connect(t, greet.NewGRPCServer(auth)))
	return &client{
		call: func(pairs ...string) answer {
			var trailer metadata.MD
			res, err := conn.Greet(sending(t, pairs), &greetv1.GreetRequest{Name: "Ada"}, grpc.Trailer(&trailer))
			return answerOf(res.GetGreeting(), err, func() metadata.MD { return trailer })
		},
		watch: func(pairs ...string) func() answer {
			stream, err := conn.Watch(sending(t, pairs), &greetv1.WatchRequest{Name: "Ada"})
			if err != nil {
				t.Fatal(err)
			}
			return func() answer {
				res, err := stream.Recv()
				return answerOf(res.GetGreeting(), err, stream.Trailer)
			}
		},
	}
}

func sending(t *testing.T, pairs []string) context.Context {
	t.Helper()
	return metadata.AppendToOutgoingContext(t.Context(), pairs...)
}

// An answer is what a call came to.
type answer struct {
	message, challenge, reason string
	code                       codes.Code
}

// answerOf reads the trailer if the call has ended.
func answerOf(message string, err error, trailer func() metadata.MD) answer {
	a := answer{message: message, code: status.Code(err)}
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			a.reason = info.GetReason()
		}
	}
	if err != nil {
		a.challenge = strings.Join(trailer()["www-authenticate"], "\n")
	}
	return a
}
