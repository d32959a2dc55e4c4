package interceptor_test

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/revocation"
)

// openInterruptible makes a stream that must be admitted.
func openInterruptible(
	t *testing.T, auth *interceptor.Authenticator, receive func(any) error, interrupt func(*interceptor.Refusal),
) *interceptor.Stream {
	t.Helper()
	stream, refusal := auth.AuthenticateInterruptible(t.Context(), withToken("/a.S/M"), receive, interrupt)
	if refusal != nil {
		t.Fatal(refusal)
	}
	return stream
}

func TestStreamInterruptsItsTransportOnceItHasEnded(t *testing.T) {
	for name, test := range map[string]struct {
		end    func(*testing.T, *stands, *revocation.List)
		reason string
	}{
		"expiry": {
			func(*testing.T, *stands, *revocation.List) { time.Sleep(2 * time.Hour) }, "TOKEN_EXPIRED",
		},
		"revocation": {
			func(t *testing.T, _ *stands, list *revocation.List) { t.Helper(); revokeAll(t, list) }, "TOKEN_REVOKED",
		},
		"a withdrawn key": {
			func(_ *testing.T, v *stands, _ *revocation.List) {
				err := error(&verifier.AuthError{Code: verifier.CodeKeyNotFound})
				v.err.Store(&err)
				time.Sleep(time.Minute)
			}, "KEY_NOT_FOUND",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := &stands{claims: claimsOf(map[string]any{"exp": time.Now().Add(time.Hour).Unix()})}
				list := newList(t, revocation.Config{})
				var log auditLog
				auth := mustNew(t, v, interceptor.WithRevocations(list), log.observer())
				released := make(chan error)
				opened := make(chan *interceptor.Stream, 1)
				var told []*interceptor.Refusal
				stream := openInterruptible(t, auth, func(any) error { return <-released }, func(refusal *interceptor.Refusal) {
					stream := <-opened
					select {
					case <-stream.Ended():
					default:
						t.Error("the stream hasn't ended")
					}
					if stream.Check() != refusal || context.Cause(stream.Context()) == nil {
						t.Errorf("Check returns %v, the context's cause is %v", stream.Check(), context.Cause(stream.Context()))
					}
					told = append(told, refusal)
					released <- errors.New("interrupted")
				})
				opened <- stream
				received := make(chan *interceptor.Refusal)
				go func() {
					refusal, err := stream.Receive(&wrapperspb.StringValue{})
					if err != nil {
						t.Errorf("Receive returned %v", err)
					}
					received <- refusal
				}()
				synctest.Wait()
				test.end(t, v, list)
				refusal := <-received
				if reasonOf(t, refusal) != test.reason || stream.End(nil) != refusal {
					t.Errorf("received %v", refusal)
				}
				if len(told) != 1 || told[0] != refusal {
					t.Errorf("told %v, want the refusal once", told)
				}
				if len(log) != 2 || log[1].Stage != interceptor.StageStream {
					t.Errorf("observed %v", log)
				}
			})
		})
	}
}

// A list of revocations has other streams to end.
func TestRevocationDoesNotWaitForTheTransport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		list := newList(t, revocation.Config{})
		auth := mustNew(t, acceptAll{}, interceptor.WithRevocations(list))
		release := make(chan struct{})
		stream := openInterruptible(t, auth, nil, func(*interceptor.Refusal) { <-release })
		revokeAll(t, list)
		if stream.Check() == nil {
			t.Error("the stream goes on")
		}
		close(release)
		stream.End(nil)
	})
}

func TestEndWaitsForTheInterrupt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var done atomic.Bool
		stream := openInterruptible(t, mustNew(t, verifyForLife), nil, func(*interceptor.Refusal) {
			time.Sleep(time.Second)
			done.Store(true)
		})
		<-stream.Context().Done()
		if refusal := stream.End(nil); refusal == nil || !done.Load() {
			t.Errorf("End returned %v before the interrupt did", refusal)
		}
	})
}

func TestStreamThatEndsByItselfIsNotInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stream := openInterruptible(t, mustNew(t, verifyForLife), nil, func(refusal *interceptor.Refusal) {
			t.Errorf("interrupted with %v", refusal)
		})
		stream.End(nil)
		time.Sleep(2 * life)
		if refusal := stream.Check(); refusal != nil {
			t.Errorf("ended with %v", refusal)
		}
	})
}

func TestInterruptibleStreamReceivesIntoTheHandlersMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var into any
		var fails error
		stream := openInterruptible(t, mustNew(t, verifyForLife), func(m any) error { into = m; return fails },
			func(*interceptor.Refusal) {})
		m := &wrapperspb.StringValue{}
		allocs := testing.AllocsPerRun(10, func() { _, _ = stream.Receive(m) })
		if refusal, err := stream.Receive(m); refusal != nil || err != nil || into != m || allocs != 0 {
			t.Errorf("received %v, %v, with %v allocations, into the handler's message %v", refusal, err, allocs, into == m)
		}
		fails = io.EOF
		if refusal, err := stream.Receive(m); refusal != nil || !errors.Is(err, io.EOF) {
			t.Errorf("the transport's error is %v, %v", refusal, err)
		}
		time.Sleep(life) // no matter what the transport returns
		if refusal, err := stream.Receive(m); reasonOf(t, refusal) != "TOKEN_EXPIRED" || err != nil {
			t.Errorf("an expired stream received %v, %v", refusal, err)
		}
		fails = nil
		if refusal, _ := stream.Receive(m); refusal == nil {
			t.Error("an expired stream received a message")
		}
		stream.End(nil)
	})
}
