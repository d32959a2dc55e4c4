package grpcauth_test

import (
	"context"
	"errors"
	"io"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/grpcauth"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// An intoCodec knows the message that it last read into.
type intoCodec struct {
	frameCodec

	last *atomic.Pointer[frame]
}

func (c intoCodec) Unmarshal(data []byte, m any) error {
	c.last.Store(m.(*frame))
	return c.frameCodec.Unmarshal(data, m)
}

// contextStream has another context.
type contextStream struct {
	grpc.ServerStream

	ctx context.Context //nolint:containedctx // as grpc.ServerStream has it
}

func (s contextStream) Context() context.Context { return s.ctx }

// A coveredStream is grpc-go's own stream behind something of the user's.
type coveredStream struct{ grpc.ServerTransportStream }

// cover is an interceptor that stands before ours.
func cover(srv any, ss grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	stream := coveredStream{grpc.ServerTransportStreamFromContext(ss.Context())}
	return next(srv, contextStream{ss, grpc.NewContextWithServerTransportStream(ss.Context(), stream)})
}

// On grpc-go's own transport a message is received into the handler's. This fails if a new
// grpc-go can't be interrupted any more: see interruptOf. Elsewhere nothing interrupts a
// receive, so it's left behind, with a message of its own.
func TestServeAloneCanBeInterrupted(t *testing.T) {
	for name, test := range map[string]struct {
		dial   func(testing.TB, *grpc.Server, ...grpc.DialOption) *grpc.ClientConn
		before []grpc.ServerOption
		own    bool
	}{
		"Serve":                  {dial, nil, true},
		"ServeHTTP":              {dialHTTP, nil, false},
		"Serve, behind a cover":  {dial, []grpc.ServerOption{grpc.ChainStreamInterceptor(cover)}, false},
		"a call in a public one": {dial, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				issuer := verifiertest.NewIssuer()
				codec := intoCodec{last: new(atomic.Pointer[frame])}
				auth := newAuth(t, issuer)
				start := time.Now()
				var released atomic.Bool
				handler := func(ss grpc.ServerStream) error {
					m := &frame{}
					if err := ss.RecvMsg(m); err != nil || string(m.payload) != "raw" || (codec.last.Load() == m) != test.own {
						t.Errorf("received %q, %v, into the handler's message %v, want %v",
							m.payload, err, codec.last.Load() == m, test.own)
					}
					err := ss.RecvMsg(m)
					if status.Code(err) != codes.Unauthenticated || time.Since(start) != 5*time.Minute {
						t.Errorf("after %v a receive returned %v", time.Since(start), err)
					}
					released.Store(true)
					return err
				}
				server := handle(auth, handler, append(test.before, grpc.ForceServerCodec(codec))...)
				if name == "a call in a public one" {
					server = grpc.NewServer(grpc.ForceServerCodec(codec), grpc.UnknownServiceHandler(func(_ any, ss grpc.ServerStream) error {
						info := &grpc.StreamServerInfo{FullMethod: "/inner.S/M"}
						inner := func(_ any, ss grpc.ServerStream) error { return handler(ss) }
						err := grpcauth.StreamServerInterceptor(auth)(nil, &innerStream{ServerStream: ss}, info, inner)
						if status.Code(err) != codes.Unauthenticated {
							t.Errorf("the inner call ended with %v", err)
						}
						return nil
					}))
				}
				conn := test.dial(t, server)
				stream := converse(withToken(t.Context(), issuer.Token(nil)), t, conn, grpc.ForceCodec(frameCodec{}))
				_ = stream.SendMsg(&frame{[]byte("raw")})
				err := stream.RecvMsg(&frame{})
				if name != "a call in a public one" {
					checkExpired(t, err)
				} else if !errors.Is(err, io.EOF) || challengesOf(stream) != nil {
					t.Errorf("the outer call ended with %v, %q", err, challengesOf(stream))
				}
				synctest.Wait()
				if !released.Load() {
					t.Error("the receive wasn't released")
				}
			})
		})
	}
}

func TestSendThatWaitsForItsClientIsReleasedAtExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := verifiertest.NewIssuer()
		start := time.Now()
		var released atomic.Int64
		conn := dial(t, handle(newAuth(t, issuer), func(ss grpc.ServerStream) error {
			for {
				err := ss.SendMsg(&greetv1.ConverseResponse{Greeting: string(make([]byte, 1<<12))})
				if err != nil {
					released.Store(int64(time.Since(start)))
					if status.Code(err) != codes.Unauthenticated {
						t.Errorf("the send returned %v", err)
					}
					return err
				}
			}
		}))
		stream := converse(withToken(t.Context(), issuer.Token(nil)), t, conn)
		time.Sleep(time.Hour) // the client doesn't read
		if got := time.Duration(released.Load()); got != 5*time.Minute {
			t.Errorf("released after %v, want 5m", got)
		}
		var err error
		for err == nil {
			err = stream.RecvMsg(&greetv1.ConverseResponse{})
		}
		checkExpired(t, err)
		if got := challengesOf(stream); len(got) != 1 {
			t.Errorf("the challenges are %q, want one", got)
		}
	})
}

// What StreamServerInterceptor's documentation says about interceptors before it.
func TestExpiryIsToldBeforeTheHandlerReturns(t *testing.T) {
	for kind, test := range map[string]struct {
		told    time.Duration
		message string
		late    int // trailers
	}{
		"Serve":     {5 * time.Minute, "the token expired while the stream was open", 0},
		"ServeHTTP": {time.Hour, "rewritten", 2},
	} {
		t.Run(kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var seen atomic.Uint32
				rewrite := func(srv any, ss grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
					err := next(srv, ss)
					seen.Store(uint32(status.Code(err)))
					ss.SetTrailer(metadata.Pairs("late", "outer"))
					return status.Error(codes.Unauthenticated, "rewritten")
				}
				issuer := verifiertest.NewIssuer()
				start := time.Now()
				conn := dials[kind](t, handle(newAuth(t, issuer), func(ss grpc.ServerStream) error {
					ss.SetTrailer(metadata.Pairs("early", "1"))
					time.Sleep(time.Hour)
					ss.SetTrailer(metadata.Pairs("late", "handler"))
					return nil
				}, grpc.ChainStreamInterceptor(rewrite)))
				stream := converse(withToken(t.Context(), issuer.Token(nil)), t, conn)
				err := stream.RecvMsg(&greetv1.ConverseResponse{})
				if got := time.Since(start); got != test.told || status.Convert(err).Message() != test.message {
					t.Errorf("after %v the caller got %v, want %q after %v", got, err, test.message, test.told)
				}
				if early, late := stream.Trailer()["early"], stream.Trailer()["late"]; len(early) != 1 || len(late) != test.late {
					t.Errorf("the trailers are %q and %q, want %d late ones", early, late, test.late)
				}
				time.Sleep(time.Hour)
				if got := codes.Code(seen.Load()); got != codes.Unauthenticated {
					t.Errorf("the interceptor before ours saw %v", got)
				}
			})
		})
	}
}

// goroutines returns how many a hundred streams need, for the procedure, that wait.
func goroutines(ctx context.Context, t *testing.T, conn *grpc.ClientConn, desc *grpc.StreamDesc, procedure string) int {
	t.Helper()
	ctx, cancel := context.WithCancel(ctx)
	before := runtime.NumGoroutine()
	for range 100 {
		stream, err := conn.NewStream(ctx, desc, procedure)
		if err != nil {
			t.Fatal(err)
		}
		_ = stream.SendMsg(&greetv1.ConverseRequest{})
	}
	synctest.Wait()
	n := runtime.NumGoroutine() - before
	cancel()
	synctest.Wait()
	return n
}

func TestIdleStreamNeedsNoGoroutineMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := verifiertest.NewIssuer()
		conn := dial(t, handle(newAuth(t, issuer, interceptor.WithPolicy(interceptor.Policy{
			"/a.S/Public": {Access: interceptor.AccessPublic}, "/*": {},
		})), func(ss grpc.ServerStream) error {
			m := &greetv1.ConverseRequest{}
			for {
				if err := ss.RecvMsg(m); err != nil {
					return err
				}
			}
		}))
		ctx := withToken(t.Context(), issuer.Token(nil))
		both := &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}
		_ = goroutines(ctx, t, conn, both, "/a.S/Guarded") // connects
		open, guarded := goroutines(ctx, t, conn, both, "/a.S/Public"), goroutines(ctx, t, conn, both, "/a.S/Guarded")
		if more := guarded - open; more > 50 { // others may come and go
			t.Errorf("a hundred guarded streams need %d goroutines, open ones %d", guarded, open)
		}
	})
}
