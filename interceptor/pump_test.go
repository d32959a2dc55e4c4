package interceptor_test

import (
	"math"
	"runtime"
	"testing"
	"testing/synctest"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/oidcrpc/oidcrpc/interceptor"
)

// A handler with one request receives once, or twice to see that it's the only one. A stream
// that goes on to receive has one goroutine to do it in, and not one for each message.
func TestStreamThatOnlySendsHoldsNoGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		auth := mustNew(t, verifyForLife)
		before := runtime.NumGoroutine()
		streams := make([]*interceptor.Stream, 100)
		expect := func(when string, want float64) {
			t.Helper()
			synctest.Wait()
			// Some of other tests' goroutines may have ended meanwhile.
			got := float64(runtime.NumGoroutine()-before) / float64(len(streams))
			if math.Round(got) != want {
				t.Errorf("%s: %v goroutines a stream, want %v", when, got, want)
			}
		}
		messages := make(transport, 1)
		for i := range streams {
			streams[i] = open(t, auth, messages)
		}
		expect("opened", 0)
		for n, want := range []float64{0, 0, 1, 1, 1} {
			for _, stream := range streams {
				messages <- "a"
				if _, err := stream.Receive(&wrapperspb.StringValue{}); err != nil {
					t.Error(err)
				}
			}
			expect([]string{"one message", "two", "three", "four", "five"}[n], want)
		}
		for _, stream := range streams {
			stream.End(nil)
		}
		expect("ended", 0)
	})
}

// The transport allows only one receive at a time, and the one left behind goes on.
func TestEndedStreamDoesNotReceiveBesideTheReceiveLeftBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for already := range 4 {
			messages, receives := make(transport, already), 0
			for range already {
				messages <- "a"
			}
			auth := mustNew(t, verifyForLife)
			stream, refusal := auth.AuthenticateStream(t.Context(), withToken("/a.S/M"), func(m any) error {
				receives++
				return messages.receive(m)
			})
			if refusal != nil {
				t.Fatal(refusal)
			}
			for range already {
				if refusal, err := stream.Receive(&wrapperspb.StringValue{}); refusal != nil || err != nil {
					t.Errorf("received %v, %v", refusal, err)
				}
			}
			for range 3 {
				if refusal, _ := stream.Receive(&wrapperspb.StringValue{}); reasonOf(t, refusal) != "TOKEN_EXPIRED" {
					t.Errorf("received %v", refusal)
				}
			}
			stream.End(nil)
			close(messages)
			synctest.Wait()
			if receives != already+1 {
				t.Errorf("%d receives reached the transport, want %d", receives, already+1)
			}
		}
	})
}
