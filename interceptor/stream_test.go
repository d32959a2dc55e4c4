package interceptor_test

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
	"weak"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/runtime/protoiface"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// life is how long the tokens in these tests live.
const life = time.Minute

// verifyForLife accepts every token, for a life from when it sees it.
var verifyForLife = verifyFunc(func(string) (*verifier.Claims, error) {
	return claimsOf(map[string]any{"exp": time.Now().Add(life).Unix()}), nil
})

// transport yields the messages that are put into it, until it closes.
type transport chan string

func (t transport) receive(m any) error {
	value, ok := <-t
	if !ok {
		return io.EOF
	}
	proto.Merge(m.(proto.Message), wrapperspb.String(value))
	return nil
}

// open makes a stream that must be admitted.
func open(t *testing.T, auth *interceptor.Authenticator, messages transport) *interceptor.Stream {
	t.Helper()
	stream, refusal := auth.AuthenticateStream(t.Context(), withToken("/a.S/M"), messages.receive)
	if refusal != nil {
		t.Fatal(refusal)
	}
	return stream
}

func TestGuardedStreamsCountWhileTheyAreOpen(t *testing.T) {
	var count atomic.Int64
	auth := mustNew(t, verifyForLife, interceptor.WithStreamCount(&count), interceptor.WithPolicy(interceptor.Policy{
		"/a.S/Public": {Access: interceptor.AccessPublic},
	}))
	expect := func(when string, want int64) {
		t.Helper()
		if got := count.Load(); got != want {
			t.Errorf("%s: %d open streams, want %d", when, got, want)
		}
	}
	first, second := open(t, auth, nil), open(t, auth, nil)
	public, refusal := auth.AuthenticateStream(t.Context(), interceptor.Call{Procedure: "/a.S/Public"}, nil)
	if refusal != nil {
		t.Fatal(refusal)
	}
	if _, refusal := auth.AuthenticateStream(t.Context(), interceptor.Call{Procedure: "/a.S/M"}, nil); refusal == nil {
		t.Fatal("a stream without a token was admitted")
	}
	expect("opened", 2)
	public.End(nil)
	first.End(nil)
	expect("one has ended", 1)
	second.End(interceptor.NewRefusal(second.Context(), io.EOF))
	expect("both have ended", 0)
	for _, options := range [][]interceptor.Option{
		{interceptor.WithStreamCount(nil)},
		{interceptor.WithStreamCount(&count), interceptor.WithStreamCount(new(atomic.Int64))},
	} {
		if _, err := interceptor.New(acceptAll{}, options...); err == nil {
			t.Error("New took no counter, or two")
		}
	}
}

func TestStreamEndsWhenItsTokenDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log auditLog
		auth := mustNew(t, verifyForLife, log.observer())
		messages := make(transport)
		defer close(messages)
		stream := open(t, auth, messages)
		start := time.Now()

		<-stream.Context().Done()
		if elapsed := time.Since(start); elapsed != life {
			t.Errorf("the context ended after %v, want %v", elapsed, life)
		}
		if got := verifier.CodeOf(context.Cause(stream.Context())); got != verifier.CodeTokenExpired {
			t.Errorf("cause = %q, want token_expired", got)
		}
		if stream.Check() == nil {
			t.Error("a message may still be sent")
		}
		if refusal, _ := stream.Receive(&wrapperspb.StringValue{}); refusal == nil {
			t.Error("a message may still be received")
		}
		time.Sleep(time.Second)
		refusal := stream.End(nil)
		if refusal == nil || refusal.Code != interceptor.CodeUnauthenticated || reasonOf(t, refusal) != "TOKEN_EXPIRED" {
			t.Fatalf("End returned %v", refusal)
		}
		const want = `Bearer realm="api", error="invalid_token", ` +
			`error_description="the token expired while the stream was open"`
		if refusal.Challenge != want {
			t.Errorf("challenge = %s, want %s", refusal.Challenge, want)
		}
		if len(log) != 2 {
			t.Fatalf("%d decisions, want one at the start and one at the end", len(log))
		}
		if d := log[0]; d.Stage != interceptor.StageStart || d.Code != interceptor.CodeOK {
			t.Errorf("at the start: %+v", d)
		}
		if d := log[1]; d.Stage != interceptor.StageStream || d.Code != interceptor.CodeUnauthenticated || d.Duration != life+time.Second ||
			d.Claims == nil || verifier.CodeOf(d.Err) != verifier.CodeTokenExpired {
			t.Errorf("at the end: %+v", d)
		}
	})
}

func TestExpiryWinsOverTheHandlersRefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log auditLog
		stream := open(t, mustNew(t, verifyForLife, log.observer()), nil)
		refusal := interceptor.NewRefusal(stream.Context(), errors.New("no"))
		<-stream.Context().Done()
		if got := stream.End(refusal); reasonOf(t, got) != "TOKEN_EXPIRED" {
			t.Errorf("End returned %v, want the expiry", got)
		}
		if len(log) != 2 || log[1].Stage != interceptor.StageStream {
			t.Errorf("observed %+v, want the expiry alone", log)
		}
	})
}

func TestStreamReportsItsHandlersRefusal(t *testing.T) {
	for name, option := range map[string]interceptor.Option{
		"bounded":   interceptor.WithRealm(""),
		"unbounded": interceptor.WithoutStreamExpiry(),
	} {
		t.Run(name, func(t *testing.T) {
			var log auditLog
			auth := mustNew(t, verifyForLife, log.observer(), option)
			first, second := open(t, auth, nil), open(t, auth, nil)
			derived, cancel := context.WithCancel(first.Context())
			cancel()
			refusal := interceptor.NewRefusal(derived, errors.New("no"))
			if got := second.End(refusal); got != nil || len(log) != 2 {
				t.Errorf("another stream's End returned %v after %d decisions", got, len(log))
			}
			if got := first.End(refusal); got != refusal {
				t.Errorf("End returned %v, want the refusal", got)
			}
			if len(log) != 3 || log[2].Stage != interceptor.StageHandler || log[2].Code != interceptor.CodePermissionDenied {
				t.Errorf("observed %+v, want the refusal last", log)
			}
		})
	}
}

// Tokens expire at full seconds. Streams whose tokens expire together end in the leeway's last
// second, at different times, and none before exp.
func TestStreamsLiveThroughTheLeewayAndEndApart(t *testing.T) {
	for leeway, spread := range map[time.Duration]time.Duration{
		30 * time.Second: time.Second, 10 * time.Millisecond: 10 * time.Millisecond, -1: 0,
	} {
		t.Run(leeway.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				issuer := verifiertest.NewIssuer()
				config := issuer.Config()
				config.Leeway = leeway
				v, err := verifier.New(config)
				if err != nil {
					t.Fatal(err)
				}
				last := 5*time.Minute + max(0, leeway)
				first := last - spread
				auth, start := mustNew(t, v), time.Now()
				var streams []*interceptor.Stream
				for range 100 {
					stream, refusal := auth.AuthenticateStream(t.Context(), interceptor.Call{
						Procedure: "/a.S/M", Authorization: []string{"Bearer " + issuer.Token(nil)},
					}, nil)
					if refusal != nil {
						t.Fatal(refusal)
					}
					defer stream.End(nil)
					streams = append(streams, stream)
				}
				var mu sync.Mutex
				ends := make(map[time.Duration]bool)
				for _, stream := range streams {
					go func() {
						<-stream.Context().Done()
						mu.Lock()
						defer mu.Unlock()
						ends[time.Since(start)] = true
					}()
				}
				time.Sleep(time.Hour)
				mu.Lock()
				defer mu.Unlock()
				for got := range ends {
					if got < first || got > last {
						t.Errorf("a stream lived %v, want %v to %v", got, first, last)
					}
				}
				if (len(ends) > 1) != (spread > 0) {
					t.Errorf("100 streams ended at %d different times", len(ends))
				}
			})
		})
	}
}

func TestBlockedReceiveIsReleasedAtExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		messages := make(transport)
		defer close(messages)
		stream := open(t, mustNew(t, verifyForLife), messages)
		defer stream.End(nil)
		start := time.Now()
		refusal, err := stream.Receive(&wrapperspb.StringValue{})
		if refusal == nil || err != nil {
			t.Errorf("Receive returned %v, %v; want a refusal", refusal, err)
		}
		if elapsed := time.Since(start); elapsed != life {
			t.Errorf("released after %v, want %v", elapsed, life)
		}
	})
}

func TestReceiveLeftBehindDoesNotWriteToTheHandlersMessage(t *testing.T) {
	generated := &wrapperspb.StringValue{}
	for name, pooled := range map[string]proto.Message{
		"generated": generated,
		"dynamic":   dynamicpb.NewMessage(generated.ProtoReflect().Descriptor()),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				messages := make(transport)
				stream := open(t, mustNew(t, verifyForLife), messages)
				if refusal, _ := stream.Receive(pooled); refusal == nil {
					t.Fatal("not expired")
				}
				stream.End(nil)
				proto.Merge(pooled, wrapperspb.String("another call's"))
				messages <- "late"
				synctest.Wait()
				if !proto.Equal(pooled, wrapperspb.String("another call's")) {
					t.Errorf("the message was overwritten with %v", pooled)
				}
				close(messages)
			})
		})
	}
}

func TestReceiveDeliversMessagesInOrderAndThenTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		messages := make(transport, 3)
		messages <- "a"
		messages <- "b"
		messages <- ""
		close(messages)
		stream := open(t, mustNew(t, verifyForLife), messages)
		defer stream.End(nil)
		m := &wrapperspb.StringValue{Value: "left over"}
		for _, want := range []string{"a", "b", ""} {
			if _, err := stream.Receive(m); err != nil || m.GetValue() != want {
				t.Errorf("got %q, %v; want %q", m.GetValue(), err, want)
			}
		}
		if _, err := stream.Receive(m); !errors.Is(err, io.EOF) {
			t.Errorf("got %v, want EOF", err)
		}
	})
}

// A message that was only begun isn't one.
func TestFailedReceiveLeavesTheMessageAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		torn := func(m any) error {
			proto.Merge(m.(proto.Message), wrapperspb.String("torn"))
			return io.ErrUnexpectedEOF
		}
		stream, refusal := mustNew(t, verifyForLife).AuthenticateStream(t.Context(), withToken("/a.S/M"), torn)
		if refusal != nil {
			t.Fatal(refusal)
		}
		defer stream.End(nil)
		m := wrapperspb.String("the handler's")
		for range 4 {
			if _, err := stream.Receive(m); !errors.Is(err, io.ErrUnexpectedEOF) || m.GetValue() != "the handler's" {
				t.Errorf("got %q, %v", m.GetValue(), err)
			}
		}
	})
}

func TestReceiveTakesMessagesThatAreNotProtobuf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type frame struct{ payload []byte }
		stream, refusal := mustNew(t, verifyForLife).AuthenticateStream(t.Context(), withToken("/a.S/M"), func(m any) error {
			m.(*frame).payload = []byte("raw")
			return nil
		})
		if refusal != nil {
			t.Fatal(refusal)
		}
		defer stream.End(nil)
		var m frame
		if _, err := stream.Receive(&m); err != nil || string(m.payload) != "raw" {
			t.Errorf("got %q, %v", m.payload, err)
		}
	})
}

// A wrapped message has all methods of a protobuf, but the type is another one.
type wrapped struct {
	*wrapperspb.StringValue

	note string
}

// A readOnly message supports neither Reset nor Merge.
type readOnly struct {
	protoreflect.Message

	note string
}

func newReadOnly() *readOnly { return &readOnly{Message: wrapperspb.String("").ProtoReflect()} }

func (m *readOnly) ProtoReflect() protoreflect.Message   { return m }
func (m *readOnly) Interface() protoreflect.ProtoMessage { return m }
func (m *readOnly) New() protoreflect.Message            { return newReadOnly() }
func (m *readOnly) ProtoMethods() *protoiface.Methods    { return nil }

func (m *readOnly) Clear(protoreflect.FieldDescriptor)                   { panic("read-only") }
func (m *readOnly) Set(protoreflect.FieldDescriptor, protoreflect.Value) { panic("read-only") }

func TestReceiveTakesUnusualMessages(t *testing.T) {
	tests := []struct {
		name    string
		message any
		receive func(any)
		check   func(any) bool
	}{
		{"a struct that embeds a message", &wrapped{},
			func(m any) { m.(*wrapped).note = "read" },
			func(m any) bool { return m.(*wrapped).note == "read" }},
		{"a struct with something its codec needs", &wrapped{note: "needed"},
			func(m any) { m.(*wrapped).note += " and read" },
			func(m any) bool { return m.(*wrapped).note == "needed and read" }},
		{"a message that can't be changed", newReadOnly(),
			func(m any) { m.(*readOnly).note = "read" },
			func(m any) bool { return m.(*readOnly).note == "read" }},
		{"a map", map[string]int{},
			func(m any) { m.(map[string]int)["read"] = 1 },
			func(m any) bool { return m.(map[string]int)["read"] == 1 }},
		{"nothing", nil, func(any) {}, func(m any) bool { return m == nil }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				receive := func(m any) error { test.receive(m); return nil }
				stream, refusal := mustNew(t, verifyForLife).AuthenticateStream(t.Context(), withToken("/a.S/M"), receive)
				if refusal != nil {
					t.Fatal(refusal)
				}
				defer stream.End(nil)
				if _, err := stream.Receive(test.message); err != nil || !test.check(test.message) {
					t.Errorf("got %v, %v", test.message, err)
				}
			})
		})
	}
}

func TestExpiryErrorsAreNotShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		auth := mustNew(t, verifyForLife,
			interceptor.WithObserver(func(_ context.Context, d interceptor.Decision) { spoil(d.Err) }))
		for range 2 {
			messages := make(transport)
			stream := open(t, auth, messages)
			<-stream.Context().Done()
			spoil(context.Cause(stream.Context()))
			refusal := stream.End(nil)
			if refusal.Code != interceptor.CodeUnauthenticated || reasonOf(t, refusal) != "TOKEN_EXPIRED" {
				t.Errorf("got %v", refusal)
			}
			close(messages)
		}
	})
}

// spoil does what an error's receiver shouldn't.
func spoil(err error) {
	if authErr, ok := errors.AsType[*verifier.AuthError](err); ok {
		*authErr = verifier.AuthError{Code: verifier.CodeInsufficientScope, Message: "spoilt"}
	}
}

func TestTransportPanicReachesTheHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stream, refusal := mustNew(t, verifyForLife).AuthenticateStream(t.Context(), withToken("/a.S/M"), func(any) error {
			panic("codec")
		})
		if refusal != nil {
			t.Fatal(refusal)
		}
		defer stream.End(nil)
		for range 2 {
			func() {
				defer func() {
					if p := recover(); p != "codec" {
						t.Errorf("recovered %v, want the panic", p)
					}
				}()
				_, _ = stream.Receive(&wrapperspb.StringValue{})
			}()
		}
	})
}

func TestStreamThatEndsBeforeItsTokenLeavesNothingBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log auditLog
		auth := mustNew(t, verifyForLife, log.observer())
		messages := make(transport, 1)
		messages <- "a"
		stream := open(t, auth, messages)
		if _, err := stream.Receive(&wrapperspb.StringValue{}); err != nil {
			t.Fatal(err)
		}
		if refusal := stream.End(nil); refusal != nil {
			t.Errorf("End returned %v", refusal)
		}
		if err := context.Cause(stream.Context()); !errors.Is(err, context.Canceled) {
			t.Errorf("cause = %v, want Canceled", err)
		}
		if _, err := stream.Receive(&wrapperspb.StringValue{}); !errors.Is(err, context.Canceled) {
			t.Errorf("Receive after the end returned %v", err)
		}
		time.Sleep(2 * life) // a timer left behind would fire now
		if refusal := stream.End(nil); refusal != nil || len(log) != 1 {
			t.Errorf("the stream expired after its end: %v, %d decisions", refusal, len(log))
		}
	})
}

// A timer would hold on to its stream, and so to everything the call held, until the
// token expires. The runtime drops stopped timers in its own time. A quarter may be
// left.
func TestEndedStreamsAreGarbageCollected(t *testing.T) {
	auth := mustNew(t, verifyForLife)
	messages := make(transport)
	defer close(messages)
	ended := make([]weak.Pointer[interceptor.Stream], 1000)
	for i := range ended {
		stream := open(t, auth, messages)
		stream.End(nil)
		ended[i] = weak.Make(stream)
	}
	var held int
	for range 200 {
		time.Sleep(time.Millisecond) // lets the runtime look at its timers
		runtime.GC()
		held = 0
		for _, p := range ended {
			if p.Value() != nil {
				held++
			}
		}
		if held <= len(ended)/4 {
			return
		}
	}
	t.Errorf("%d of %d streams are still held", held, len(ended))
}

func TestStreamWithoutExpiryIsPassedThrough(t *testing.T) {
	policy := interceptor.WithPolicy(interceptor.Policy{
		"/a.S/Public":   {Access: interceptor.AccessPublic},
		"/a.S/Optional": {Access: interceptor.AccessOptional},
	})
	tests := []struct {
		name string
		auth *interceptor.Authenticator
		call interceptor.Call
	}{
		{"public", mustNew(t, acceptAll{}, policy), withToken("/a.S/Public")},
		{"anonymous", mustNew(t, acceptAll{}, policy), interceptor.Call{Procedure: "/a.S/Optional"}},
		{"opted out", mustNew(t, acceptAll{}, interceptor.WithoutStreamExpiry()), withToken("/a.S/M")},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var received any
			stream, refusal := test.auth.AuthenticateStream(t.Context(), test.call, func(m any) error {
				received = m
				return nil
			})
			if refusal != nil {
				t.Fatal(refusal)
			}
			m := &wrapperspb.StringValue{}
			allocs := testing.AllocsPerRun(10, func() {
				_, _ = stream.Receive(m)
				_ = stream.Check()
			})
			if received != m {
				t.Error("the message is not the handler's own")
			}
			if allocs != 0 {
				t.Errorf("%v allocations a message, want none", allocs)
			}
			if stream.Context().Done() != t.Context().Done() {
				t.Error("the context is bounded")
			}
			if stream.End(nil) != nil {
				t.Error("the stream expired")
			}
		})
	}
}

func TestFarExpiryNeverComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		auth := mustNew(t, verifyFunc(func(string) (*verifier.Claims, error) {
			return claimsOf(map[string]any{"exp": int64(1) << 53}), nil
		}))
		stream := open(t, auth, nil)
		time.Sleep(48 * time.Hour)
		if refusal := stream.Check(); refusal != nil {
			t.Errorf("expired: %v", refusal)
		}
		if refusal := stream.End(nil); refusal != nil {
			t.Errorf("expired: %v", refusal)
		}
	})
}

// Only the clock can tell, as when a machine wakes up: in a bubble no timer fires while
// the test runs on.
func TestExpiredTokenStopsMessagesBeforeItsTimerFires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		auth := mustNew(t, verifyFunc(func(string) (*verifier.Claims, error) {
			claims := claimsOf(map[string]any{"exp": time.Now().Add(life).Unix()})
			time.Sleep(life)
			return claims, nil
		}))
		for name, use := range map[string]func(*interceptor.Stream) bool{
			"send": func(s *interceptor.Stream) bool { return s.Check() == nil },
			"receive": func(s *interceptor.Stream) bool {
				refusal, _ := s.Receive(&wrapperspb.StringValue{})
				return refusal == nil
			},
		} {
			stream, refusal := auth.AuthenticateStream(t.Context(), withToken("/a.S/M"), func(any) error { return nil })
			if refusal != nil {
				t.Fatal(refusal)
			}
			if use(stream) {
				t.Errorf("%s was admitted", name)
			}
			if stream.End(nil) == nil {
				t.Errorf("%s: the stream ended well", name)
			}
		}
	})
}

// stands is a TokenVerifier that changes its mind.
type stands struct {
	claims *verifier.Claims
	err    atomic.Pointer[error]
	asked  atomic.Int64
}

func (s *stands) Verify(context.Context, string) (*verifier.Claims, error) {
	s.asked.Add(1)
	if err := s.err.Load(); err != nil {
		return nil, *err
	}
	return s.claims, nil
}

func TestStreamEndsWhenItsTokenIsNotAcceptedAnyMore(t *testing.T) {
	for name, test := range map[string]struct {
		err  error
		want string // reason
	}{
		"a withdrawn key":     {&verifier.AuthError{Code: verifier.CodeKeyNotFound}, "KEY_NOT_FOUND"},
		"a removed tenant":    {&verifier.AuthError{Code: verifier.CodeInvalidIssuer}, "INVALID_ISSUER"},
		"an outage":           {&verifier.KeysError{Code: verifier.CodeJWKSFetchFailed}, ""},
		"a bug":               {errors.New("a bug"), ""},
		"a login of old":      {&verifier.AuthError{Code: verifier.CodeInsufficientUserAuthentication}, ""},
		"a scope that's gone": {&verifier.AuthError{Code: verifier.CodeInsufficientScope}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := &stands{claims: claimsOf(map[string]any{"exp": time.Now().Add(100 * time.Hour).Unix()})}
				var log auditLog
				auth := mustNew(t, v, log.observer())
				stream, refusal := auth.AuthenticateStream(t.Context(), withToken("/a.S/M"), func(any) error {
					select {}
				})
				if refusal != nil {
					t.Fatal(refusal)
				}
				time.Sleep(10 * time.Minute)
				if refusal := stream.Check(); refusal != nil {
					t.Fatalf("ended while its token was good: %v", refusal)
				}
				if asked := v.asked.Load(); asked < 11 || asked > 14 {
					t.Errorf("the verifier was asked %d times in ten minutes, want about once a minute", asked)
				}
				v.err.Store(&test.err)
				start := time.Now()
				select {
				case <-stream.Context().Done():
				case <-time.After(time.Hour):
				}
				switch refusal := stream.End(nil); {
				case test.want == "" && refusal != nil:
					t.Errorf("ended with %v, want it to go on", refusal)
				case test.want != "" && (refusal == nil || reasonOf(t, refusal) != test.want):
					t.Errorf("ended with %v, want %s", refusal, test.want)
				case test.want != "" && time.Since(start) > time.Minute:
					t.Errorf("ended after %v, want a minute at most", time.Since(start))
				case test.want != "" && (context.Cause(stream.Context()) == nil || log[len(log)-1].Stage != interceptor.StageStream):
					t.Errorf("cause %v, decision %+v", context.Cause(stream.Context()), log[len(log)-1])
				}
			})
		})
	}
}

func TestStreamIsCheckedOncePerKeysTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := verifiertest.NewIssuer()
		config := issuer.Config()
		config.KeysTTL = 10 * time.Second
		auth := mustNew(t, verifierOf(t, config))
		token := issuer.Token(map[string]any{"exp": time.Now().Add(time.Hour).Unix()})
		stream, refusal := auth.AuthenticateStream(t.Context(), interceptor.Call{
			Procedure: "/a.S/M", Authorization: []string{"Bearer " + token},
		}, func(any) error { return nil })
		if refusal != nil {
			t.Fatal(refusal)
		}
		time.Sleep(time.Minute)
		issuer.Rotate()
		withdrawn := time.Now()
		<-stream.Context().Done()
		if lived := time.Since(withdrawn); lived > 20*time.Second {
			t.Errorf("the stream outlived its key by %v, want two times KeysTTL at most", lived)
		}
		if refusal := stream.End(nil); reasonOf(t, refusal) != "KEY_NOT_FOUND" {
			t.Errorf("ended with %v, want KEY_NOT_FOUND", refusal)
		}
	})
}

func TestVerifierThatPanicsEndsNoStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		claims := claimsOf(map[string]any{"exp": time.Now().Add(time.Hour).Unix()})
		auth := mustNew(t, verifyFunc(func(string) (*verifier.Claims, error) {
			if asked++; asked > 1 {
				panic("a bug")
			}
			return claims, nil
		}))
		stream, refusal := auth.AuthenticateStream(t.Context(), withToken("/a.S/M"), func(any) error { return nil })
		if refusal != nil {
			t.Fatal(refusal)
		}
		time.Sleep(10 * time.Minute)
		if refusal := stream.End(nil); refusal != nil || asked < 10 {
			t.Errorf("after %d questions: %v", asked, refusal)
		}
	})
}

// A verifier that waits for its issuer doesn't keep a stream alive.
func TestStreamEndsInTimeThoughTheVerifierIsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &slowAtLast{claims: claimsOf(map[string]any{"exp": time.Now().Add(70 * time.Second).Unix()})}
		stream, refusal := mustNew(t, v).AuthenticateStream(t.Context(), withToken("/a.S/M"), func(any) error { return nil })
		if refusal != nil {
			t.Fatal(refusal)
		}
		until := v.claims.ValidUntil()
		<-stream.Context().Done()
		if late := time.Since(until); late > 0 {
			t.Errorf("the stream ended %v late", late)
		}
		stream.End(nil)
	})
}

// slowAtLast answers the first question at once, and later ones when their context ends.
type slowAtLast struct {
	claims *verifier.Claims
	asked  int
}

func (s *slowAtLast) Verify(ctx context.Context, _ string) (*verifier.Claims, error) {
	if s.asked++; s.asked > 1 {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return s.claims, nil
}

// A call may turn out to be a stream while its handler runs.
func TestCallThatBecomesAStreamEndsWithItsToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log auditLog
		auth := mustNew(t, verifyFunc(func(string) (*verifier.Claims, error) {
			return claimsOf(map[string]any{"exp": time.Now().Add(time.Minute).Unix()}), nil
		}), log.observer())
		admission := admit(t.Context(), t, auth, withToken("/a.S/M"))
		time.Sleep(30 * time.Second)
		stream, refusal := admission.Stream()
		if refusal != nil {
			t.Fatal(refusal)
		}
		if refusal := stream.Check(); refusal != nil {
			t.Errorf("refused at once: %v", refusal)
		}
		<-stream.Context().Done()
		if err := context.Cause(stream.Context()); verifier.CodeOf(err) != verifier.CodeTokenExpired {
			t.Errorf("the context ended with %v", err)
		}
		if refusal := stream.End(nil); refusal == nil || refusal.Code != interceptor.CodeUnauthenticated {
			t.Errorf("the stream ended with %v", refusal)
		}
		if len(log) != 2 || log[1].Stage != interceptor.StageStream {
			t.Errorf("the observer saw %v", log)
		}
	})
}

// It asks again by the credential of the call.
func TestCallThatBecomesAStreamIsCheckedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var withdrawn atomic.Bool
		auth := mustNew(t, verifyFunc(func(token string) (*verifier.Claims, error) {
			if withdrawn.Load() || token != "token" {
				return nil, &verifier.AuthError{Code: verifier.CodeKeyNotFound}
			}
			return claimsOf(nil), nil
		}))
		stream, _ := admit(t.Context(), t, auth, withToken("/a.S/M")).Stream()
		withdrawn.Store(true)
		time.Sleep(time.Minute)
		synctest.Wait()
		if refusal := stream.End(nil); refusal == nil {
			t.Error("a withdrawn key did not end the stream")
		}
	})
}
