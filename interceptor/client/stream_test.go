package client_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidcrpc/oidcrpc/interceptor/client"
)

var errRefused = errors.New("refused")

// A fakeAttempt fails or succeeds as it's told to, and keeps what was sent.
type fakeAttempt struct {
	receive []error // what each Receive returns, and io.EOF at last

	mu        *sync.Mutex
	sent      *[]any
	closed    *bool
	abandoned *bool
	received  *int
	learned   *[]bool // whether it was the end
}

func newFakeAttempt(receive ...error) fakeAttempt {
	return fakeAttempt{
		receive: receive, mu: new(sync.Mutex), sent: new([]any), closed: new(bool), abandoned: new(bool),
		received: new(int), learned: new([]bool),
	}
}

func (a fakeAttempt) Send(m any) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	*a.sent = append(*a.sent, m)
	if len(a.receive) > 0 && errors.Is(a.receive[0], errRefused) {
		return io.EOF // the server has ended it
	}
	return nil
}

func (a fakeAttempt) CloseSend() error {
	*a.closed = true
	return nil
}

func (a fakeAttempt) Receive(any) error {
	*a.received++
	if *a.received > len(a.receive) {
		return io.EOF
	}
	return a.receive[*a.received-1]
}

func (a fakeAttempt) Learn(isEnd bool) { *a.learned = append(*a.learned, isEnd) }

func (a fakeAttempt) Close() { *a.abandoned = true }

// A theater is a stream with two attempts.
type theater struct {
	*client.Stream[fakeAttempt]

	endpoint      *endpoint
	first, second fakeAttempt
	begun         int
}

func newTheater(t *testing.T, latency time.Duration, first ...error) *theater {
	t.Helper()
	th := &theater{
		endpoint: &endpoint{life: time.Hour}, first: newFakeAttempt(first...), second: newFakeAttempt(nil),
	}
	tokens := client.NewSource(th.endpoint.fetch)
	credential := mustCredential(t, tokens)
	th.endpoint.latency = latency
	th.Stream = client.NewStream(tokens, credential, th.first,
		func(context.Context, *client.Credential) (fakeAttempt, error) {
			th.begun++
			return th.second, nil
		},
		func(_ fakeAttempt, err error) *client.Refusal {
			if errors.Is(err, errRefused) {
				return refused()
			}
			return nil
		})
	return th
}

func (th *theater) wantRefused(t *testing.T, requests int) {
	t.Helper()
	refusal, err := th.Receive(t.Context(), nil)
	if refusal == nil || !errors.Is(err, errRefused) || th.begun != 0 {
		t.Errorf("Receive: %v, %v, after %d more attempts, want the refusal", refusal, err, th.begun)
	}
	if got := th.endpoint.requests(); got != requests {
		t.Errorf("%d requests, want %d", got, requests)
	}
}

func TestStreamSendsAgainWhatWasSent(t *testing.T) {
	for name, test := range map[string]struct {
		play   func(*theater)
		sent   []any
		closed bool
	}{
		"nothing":                  {func(*theater) {}, nil, false},
		"an open stream":           {func(th *theater) { _ = th.Send(nil) }, []any{nil}, false},
		"a message":                {func(th *theater) { _ = th.Send("a") }, []any{"a"}, false},
		"a message and the end":    {func(th *theater) { _ = th.Send("a"); _ = th.CloseSend() }, []any{"a"}, true},
		"a message after the open": {func(th *theater) { _ = th.Send(nil); _ = th.Send("a") }, []any{"a"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				th := newTheater(t, 0, errRefused)
				test.play(th)
				if refusal, err := th.Receive(t.Context(), nil); refusal != nil || err != nil || !*th.first.abandoned {
					t.Errorf("Receive: %v, %v, and the first attempt is closed: %v", refusal, err, *th.first.abandoned)
				}
				if !slices.Equal(*th.second.sent, test.sent) || *th.second.closed != test.closed {
					t.Errorf("the second attempt sends %v and closes: %v", *th.second.sent, *th.second.closed)
				}
			})
		})
	}
}

func TestStreamBeginsAgainOnlyOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := newTheater(t, 0, errRefused)
		th.second = newFakeAttempt(errRefused)
		if refusal, _ := th.Receive(t.Context(), nil); refusal == nil || th.begun != 1 {
			t.Errorf("Receive: %v, after %d more attempts, want one and the refusal", refusal, th.begun)
		}
	})
}

// The user hears of an ended stream from Receive. Until then the first message may go again.
func TestEndOfARefusedStreamIsNoErrorOfTheFirstSend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := newTheater(t, 0, errRefused)
		if err := th.Send("a"); err != nil {
			t.Errorf("the first Send: %v", err)
		}
		if err := th.Send("b"); !errors.Is(err, io.EOF) {
			t.Errorf("the second Send: %v, want EOF", err)
		}
		th.wantRefused(t, 1)
	})
}

func TestStreamDoesNotBeginAgainAfterItsFirstResponse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := newTheater(t, 0, nil, errRefused)
		if _, err := th.Receive(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		th.wantRefused(t, 1)
	})
}

func TestStreamDoesNotBeginAgainOnceItsResponseWasSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := newTheater(t, 0, errRefused)
		th.Settle()
		th.wantRefused(t, 1)
	})
}

func TestStreamThatSendsWhileItWaitsForATokenDoesNotBeginAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := newTheater(t, time.Second, errRefused)
		_ = th.Send("a")
		go func() {
			time.Sleep(time.Second / 2)
			_ = th.Send("b")
		}()
		th.wantRefused(t, 2)
	})
}

func TestStreamThatIsClosedWhileItWaitsForATokenDoesNotBeginAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := newTheater(t, time.Second, errRefused)
		go func() {
			time.Sleep(time.Second / 2)
			th.Close()
		}()
		refusal, err := th.Receive(t.Context(), nil)
		if refusal == nil || !errors.Is(err, errRefused) {
			t.Errorf("Receive: %v, %v, want the refusal", refusal, err)
		}
		if th.begun > 0 && !*th.second.abandoned {
			t.Error("the second attempt stays open")
		}
	})
}

func TestStreamWithoutAnotherAttemptIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := newTheater(t, 0, errRefused)
		th.endpoint.fail(errors.New("down"))
		refusal, _ := th.Receive(t.Context(), nil)
		if refusal == nil || th.begun != 0 {
			t.Errorf("Receive: %v, after %d more attempts", refusal, th.begun)
		}
	})
}

// The user looks at the response while another attempt is opened.
func TestStreamWhoseResponseIsLookedAtStays(t *testing.T) {
	first, second := newFakeAttempt(errRefused), newFakeAttempt(nil)
	tokens := client.NewSource((&endpoint{life: time.Hour}).fetch)
	var stream *client.Stream[fakeAttempt]
	stream = client.NewStream(tokens, mustCredential(t, tokens), first,
		func(context.Context, *client.Credential) (fakeAttempt, error) {
			stream.Settle()
			return second, nil
		},
		func(fakeAttempt, error) *client.Refusal { return refused() })
	refusal, err := stream.Receive(t.Context(), nil)
	if refusal == nil || !errors.Is(err, errRefused) || !*second.abandoned || stream.Attempt().sent != first.sent {
		t.Errorf("Receive: %v, %v, and the second attempt is abandoned: %v", refusal, err, *second.abandoned)
	}
}

func TestStreamLearnsFromItsFirstMessageAndItsEnd(t *testing.T) {
	th := newTheater(t, 0, nil, nil, nil)
	for want := range []int{1, 2, 3} {
		if _, err := th.Receive(t.Context(), nil); err != nil || !slices.Equal(*th.first.learned, []bool{false}) {
			t.Errorf("message %d: it has learned %v, %v", want, *th.first.learned, err)
		}
	}
	if _, err := th.Receive(t.Context(), nil); !errors.Is(err, io.EOF) || !slices.Equal(*th.first.learned, []bool{false, true}) {
		t.Errorf("the end: it has learned %v, %v", *th.first.learned, err)
	}
}
