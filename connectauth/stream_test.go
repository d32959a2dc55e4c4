package connectauth_test

import (
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/grpc/test/bufconn"

	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connect"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// waiting handles streams in the ways that an expiry must interrupt.
type waiting struct {
	greetv1connect.UnimplementedGreetServiceHandler

	released atomic.Int64
}

// Watch waits until its context ends, and takes that for success.
func (w *waiting) Watch(
	ctx context.Context, _ *connect.Request[greetv1.WatchRequest], _ *connect.ServerStream[greetv1.WatchResponse],
) error {
	<-ctx.Done()
	if verifier.CodeOf(context.Cause(ctx)) == verifier.CodeTokenExpired {
		w.released.Add(1)
	}
	return nil
}

// Converse waits for messages.
func (w *waiting) Converse(
	_ context.Context, stream *connect.BidiStream[greetv1.ConverseRequest, greetv1.ConverseResponse],
) error {
	for {
		if _, err := stream.Receive(); err != nil {
			w.released.Add(1)
			return nil
		}
	}
}

// serveWaiting serves within this process, over HTTP/2, until the test ends.
func serveWaiting(t *testing.T, issuer *verifiertest.Issuer, options ...connect.ClientOption) (*waiting, greetv1connect.GreetServiceClient) {
	t.Helper()
	handler := &waiting{}
	mux := http.NewServeMux()
	mux.Handle(greetv1connect.NewGreetServiceHandler(handler, secured(newAuth(t, issuer))))
	server := &http.Server{Handler: mux, Protocols: new(http.Protocols)}
	server.Protocols.SetUnencryptedHTTP2(true)
	listener := bufconn.Listen(1 << 16)
	transport := &http.Transport{
		Protocols:   server.Protocols,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return listener.DialContext(ctx) },
	}
	var served sync.WaitGroup
	served.Go(func() { _ = server.Serve(listener) })
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		_ = server.Close()
		served.Wait()
	})
	return handler, greetv1connect.NewGreetServiceClient(&http.Client{Transport: transport}, "http://bufconn", options...)
}

func TestStreamsEndWithTheirTokens(t *testing.T) {
	for name, options := range map[string][]connect.ClientOption{
		"Connect": nil, "gRPC": {connect.WithGRPC()}, "gRPC-Web": {connect.WithGRPCWeb()},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				issuer := verifiertest.NewIssuer()
				handler, client := serveWaiting(t, issuer, options...)
				start := time.Now()
				for stream, end := range map[string]func(*testing.T, greetv1connect.GreetServiceClient, string) error{
					"a context": watchUntilTheEnd, "a receive": converseUntilTheEnd,
				} {
					token := issuer.Token(nil)
					if err := end(t, client, token); connect.CodeOf(err) != connect.CodeUnauthenticated {
						t.Errorf("the end of %s: %v, want Unauthenticated", stream, err)
					}
				}
				if elapsed := time.Since(start); elapsed != 10*time.Minute {
					t.Errorf("the streams lived %v, want 5m each", elapsed)
				}
				if got := handler.released.Load(); got != 2 {
					t.Errorf("%d handlers were released by the expiry, want 2", got)
				}
			})
		})
	}
}

func watchUntilTheEnd(t *testing.T, client greetv1connect.GreetServiceClient, token string) error {
	t.Helper()
	stream, err := client.Watch(t.Context(), withToken(&greetv1.WatchRequest{}, token))
	if err != nil {
		return err
	}
	defer stream.Close()
	stream.Receive()
	return stream.Err()
}

func converseUntilTheEnd(t *testing.T, client greetv1connect.GreetServiceClient, token string) error {
	t.Helper()
	stream := client.Converse(t.Context())
	stream.RequestHeader().Set("Authorization", "Bearer "+token)
	defer stream.CloseResponse()
	defer stream.CloseRequest()
	if err := stream.Send(&greetv1.ConverseRequest{Name: "Ada"}); err != nil {
		return err
	}
	_, err := stream.Receive()
	return err
}
