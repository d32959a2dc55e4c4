package grpcauth_test

import (
	"context"
	"errors"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/grpcauth"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// waiting handles streams in the ways that an expiry must interrupt.
type waiting struct {
	greetv1.UnimplementedGreetServiceServer

	released atomic.Int64
}

// Watch waits until its context ends, and takes that for success.
func (w *waiting) Watch(_ *greetv1.WatchRequest, stream grpc.ServerStreamingServer[greetv1.WatchResponse]) error {
	<-stream.Context().Done()
	if verifier.CodeOf(context.Cause(stream.Context())) == verifier.CodeTokenExpired {
		w.released.Add(1)
	}
	return nil
}

// Converse waits for messages.
func (w *waiting) Converse(stream grpc.BidiStreamingServer[greetv1.ConverseRequest, greetv1.ConverseResponse]) error {
	for {
		if _, err := stream.Recv(); err != nil {
			w.released.Add(1)
			return nil
		}
	}
}

func serveWaiting(t *testing.T, issuer *verifiertest.Issuer) (*waiting, greetv1.GreetServiceClient) {
	t.Helper()
	handler := &waiting{}
	server := grpc.NewServer(grpcauth.ServerOptions(newAuth(t, issuer))...)
	greetv1.RegisterGreetServiceServer(server, handler)
	return handler, greetv1.NewGreetServiceClient(dial(t, server))
}

func TestTenThousandStreamsEndWithTheirTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := verifiertest.NewIssuer()
		handler, client := serveWaiting(t, issuer)
		ctx := withToken(t.Context(), issuer.Token(nil))
		_, _ = client.Greet(ctx, &greetv1.GreetRequest{}) // fetches the keys: only so many calls wait for them
		before := runtime.NumGoroutine()

		const streams = 10_000
		var expired atomic.Int64
		var wait sync.WaitGroup
		for i := range streams {
			wait.Go(func() {
				var err error
				if i%2 == 0 {
					_, err = watchOne(ctx, client)
				} else {
					err = converseUntilTheEnd(ctx, client)
				}
				if status.Code(err) == codes.Unauthenticated {
					expired.Add(1)
				}
			})
		}
		wait.Wait()
		synctest.Wait()
		if got := expired.Load(); got != streams {
			t.Errorf("%d callers heard of the expiry, want %d", got, streams)
		}
		if got := handler.released.Load(); got != streams {
			t.Errorf("%d handlers were released by it, want %d", got, streams)
		}
		if after := runtime.NumGoroutine(); after > before+100 {
			t.Errorf("%d goroutines, %d before: streams leave some behind", after, before)
		}
	})
}

func converseUntilTheEnd(ctx context.Context, client greetv1.GreetServiceClient) error {
	stream, err := client.Converse(ctx)
	if err != nil {
		return err
	}
	if err := stream.Send(&greetv1.ConverseRequest{Name: "Ada"}); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	_, err = stream.Recv()
	return err
}

func TestStreamEndsAtTheExpiryAndNotBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := verifiertest.NewIssuer()
		_, client := serveWaiting(t, issuer)
		start := time.Now()
		_, err := watchOne(withToken(t.Context(), issuer.Token(nil)), client)
		if status.Code(err) != codes.Unauthenticated {
			t.Errorf("err = %v, want Unauthenticated", err)
		}
		if elapsed := time.Since(start); elapsed != 5*time.Minute {
			t.Errorf("the stream lived %v, want 5m", elapsed)
		}
	})
}

func TestCallersHangUpIsNotAnExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := verifiertest.NewIssuer()
		handler, client := serveWaiting(t, issuer)
		ctx, cancel := context.WithCancel(withToken(t.Context(), issuer.Token(nil)))
		stream, err := client.Watch(ctx, &greetv1.WatchRequest{})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		cancel()
		if _, err := stream.Recv(); status.Code(err) != codes.Canceled {
			t.Errorf("err = %v, want Canceled", err)
		}
		synctest.Wait()
		if handler.released.Load() != 0 {
			t.Error("the context's cause is the token, want the caller")
		}
	})
}
