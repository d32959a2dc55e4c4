package issuers_test

import (
	"context"
	"net"
	"testing"
	"time"

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

func greetClient(
	t *testing.T, auth *interceptor.Authenticator, options ...grpc.DialOption,
) greetv1.GreetServiceClient {
	t.Helper()
	listener, server := bufconn.Listen(1<<16), greet.NewGRPCServer(auth)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	options = append(options, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) { return listener.Dial() }))
	conn, err := grpc.NewClient("passthrough:///", options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return greetv1.NewGreetServiceClient(conn)
}

func wantGreeting(t *testing.T, calls greetv1.GreetServiceClient, token string, want codes.Code, because string) {
	t.Helper()
	_, err := calls.Greet(bearing(t, token), &greetv1.GreetRequest{Name: "Ada"})
	if status.Code(err) != want {
		t.Errorf("%s: %v, want %v", because, err, want)
	}
}

func watchGreetings(
	t *testing.T, calls greetv1.GreetServiceClient, token string,
) grpc.ServerStreamingClient[greetv1.WatchResponse] {
	t.Helper()
	ctx, cancel := context.WithTimeout(bearing(t, token), patience)
	t.Cleanup(cancel)
	stream, err := calls.Watch(ctx, &greetv1.WatchRequest{Name: "Ada"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	return stream
}

func wantEnd(
	t *testing.T, stream grpc.ServerStreamingClient[greetv1.WatchResponse], want codes.Code, because string,
) {
	t.Helper()
	for {
		if _, err := stream.Recv(); err != nil {
			if status.Code(err) != want {
				t.Errorf("%s, and its stream ended with %v, want %v", because, err, want)
			}
			return
		}
	}
}

func bearing(t *testing.T, token string) context.Context {
	t.Helper()
	return metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+token)
}

// wantGreetingSoon lets calls be unavailable until the outage is known to be over.
func wantGreetingSoon(t *testing.T, calls greetv1.GreetServiceClient, token string, want codes.Code) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		_, err := calls.Greet(bearing(t, token), &greetv1.GreetRequest{Name: "Ada"})
		if status.Code(err) == want {
			return
		}
		if status.Code(err) != codes.Unavailable || time.Now().After(deadline) {
			t.Fatalf("after the outage: %v, want %v", err, want)
		}
		time.Sleep(50 * time.Millisecond)
	}
}
