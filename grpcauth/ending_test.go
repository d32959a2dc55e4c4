package grpcauth_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"

	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/grpcauth"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// dialHTTP serves with net/http, within this process, until the test ends.
func dialHTTP(tb testing.TB, server *grpc.Server, options ...grpc.DialOption) *grpc.ClientConn {
	tb.Helper()
	listener := bufconn.Listen(1 << 16)
	web := &http.Server{Handler: server, Protocols: new(http.Protocols)}
	web.Protocols.SetUnencryptedHTTP2(true)
	served := make(chan error, 1)
	go func() { served <- web.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:///bufconn", append([]grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			return listener.DialContext(ctx)
		}),
	}, options...)...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = conn.Close()
		_ = web.Close()
		server.Stop()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			tb.Error(err)
		}
	})
	return conn
}

var dials = map[string]func(testing.TB, *grpc.Server, ...grpc.DialOption) *grpc.ClientConn{
	"Serve": dial, "ServeHTTP": dialHTTP,
}

// converse begins a stream that both sides may send in.
func converse(ctx context.Context, t *testing.T, conn *grpc.ClientConn, options ...grpc.CallOption) grpc.ClientStream {
	t.Helper()
	desc := &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}
	stream, err := conn.NewStream(ctx, desc, greetv1.GreetService_Converse_FullMethodName, options...)
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

// handle returns a server whose procedures all have this handler. What the options hold
// stands before the interceptor.
func handle(
	auth *interceptor.Authenticator, handler func(grpc.ServerStream) error, options ...grpc.ServerOption,
) *grpc.Server {
	options = append(options, grpcauth.ServerOptions(auth)...)
	return grpc.NewServer(append(options, grpc.UnknownServiceHandler(func(_ any, ss grpc.ServerStream) error {
		return handler(ss)
	}))...)
}

// A frame is a message as a proxy passes it on.
type frame struct{ payload []byte }

// A frameCodec reads frames, and panics where it's told to.
type frameCodec struct{}

func (frameCodec) Name() string                  { return "frame" }
func (frameCodec) Marshal(m any) ([]byte, error) { return m.(*frame).payload, nil }

func (frameCodec) Unmarshal(data []byte, m any) error {
	if string(data) == "panic" {
		panic("codec")
	}
	m.(*frame).payload = append([]byte(nil), data...)
	return nil
}

func TestHandlersReceiveIntoAnyMessage(t *testing.T) {
	name := func(m proto.Message) string {
		data, err := proto.Marshal(m)
		request := &greetv1.ConverseRequest{}
		if err := errors.Join(err, proto.Unmarshal(data, request)); err != nil {
			return err.Error()
		}
		return request.GetName()
	}
	used := &greetv1.ConverseRequest{Name: "used"}
	used.ProtoReflect().SetUnknown([]byte{0x78, 1})
	issuer := verifiertest.NewIssuer()
	for kind, dial := range dials {
		for what, message := range map[string]proto.Message{
			"an empty one":  &greetv1.ConverseRequest{},
			"a used one":    used,
			"a dynamic one": dynamicpb.NewMessage((&greetv1.ConverseRequest{}).ProtoReflect().Descriptor()),
		} {
			t.Run(kind+"/"+what, func(t *testing.T) {
				message := proto.Clone(message)
				conn := dial(t, handle(newAuth(t, issuer), func(ss grpc.ServerStream) error {
					for _, want := range []string{"Ada", "", "Grace"} {
						if err := ss.RecvMsg(message); err != nil || name(message) != want || len(message.ProtoReflect().GetUnknown()) > 0 {
							t.Errorf("received %v, %v; want %q", message, err, want)
						}
					}
					if err := ss.RecvMsg(message); !errors.Is(err, io.EOF) {
						t.Errorf("after the last message: %v", err)
					}
					return nil
				}))
				stream := converse(withToken(t.Context(), issuer.Token(nil)), t, conn)
				for _, name := range []string{"Ada", "", "Grace"} {
					_ = stream.SendMsg(&greetv1.ConverseRequest{Name: name})
				}
				_ = stream.CloseSend()
				if err := stream.RecvMsg(&greetv1.ConverseResponse{}); !errors.Is(err, io.EOF) {
					t.Errorf("the stream ended with %v", err)
				}
			})
		}
	}
}

func TestCodecsPanicReachesTheHandler(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	for kind, dial := range dials {
		t.Run(kind, func(t *testing.T) {
			conn := dial(t, handle(newAuth(t, issuer), func(ss grpc.ServerStream) (err error) {
				m := &frame{}
				if err := ss.RecvMsg(m); err != nil || string(m.payload) != "raw" {
					t.Errorf("received %q, %v", m.payload, err)
				}
				defer func() {
					if p := recover(); p == "codec" {
						err = status.Error(codes.DataLoss, "recovered")
					}
				}()
				return ss.RecvMsg(m)
			}, grpc.ForceServerCodec(frameCodec{})))
			stream := converse(withToken(t.Context(), issuer.Token(nil)), t, conn, grpc.ForceCodec(frameCodec{}))
			_ = stream.SendMsg(&frame{[]byte("raw")})
			_ = stream.SendMsg(&frame{[]byte("panic")})
			if err := stream.RecvMsg(&frame{}); status.Code(err) != codes.DataLoss {
				t.Errorf("the stream ended with %v", err)
			}
		})
	}
}

// statistics count what grpc-go tells a server's stats handler about streams.
type statistics struct {
	trailers, ends atomic.Int64
	code           atomic.Uint32 // of the last end
}

func (*statistics) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context   { return ctx }
func (*statistics) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (*statistics) HandleConn(context.Context, stats.ConnStats)                       {}

func (s *statistics) HandleRPC(_ context.Context, event stats.RPCStats) {
	switch event := event.(type) {
	case *stats.OutTrailer:
		s.trailers.Add(1)
	case *stats.End:
		s.ends.Add(1)
		s.code.Store(uint32(status.Code(event.Error)))
	}
}

// checkExpired expects a stream to have ended with the refusal.
func checkExpired(t *testing.T, err error) {
	t.Helper()
	s := status.Convert(err)
	if s.Code() != codes.Unauthenticated || s.Message() != "the token expired while the stream was open" {
		t.Errorf("the caller got %v", err)
	}
	if details := s.Details(); len(details) != 1 {
		t.Errorf("the details are %v, want one", details)
	} else if info, ok := details[0].(*errdetails.ErrorInfo); !ok || info.GetReason() != "TOKEN_EXPIRED" {
		t.Errorf("the detail is %v", details[0])
	}
}

func challengesOf(stream grpc.ClientStream) []string {
	header, _ := stream.Header()
	return metadata.Join(header, stream.Trailer()).Get("www-authenticate")
}

// handlers are ways for a handler to learn about the end of its stream, and what it makes of
// it.
var handlers = map[string]func(grpc.ServerStream) error{
	"waits for its context": func(ss grpc.ServerStream) error {
		<-ss.Context().Done()
		return nil
	},
	"receives": func(ss grpc.ServerStream) error {
		err := ss.RecvMsg(&greetv1.ConverseRequest{})
		if again := ss.RecvMsg(&greetv1.ConverseRequest{}); status.Code(again) != codes.Unauthenticated {
			return again
		}
		return err
	},
	"sends": func(ss grpc.ServerStream) error {
		for {
			if err := ss.SendMsg(&greetv1.ConverseResponse{}); err != nil {
				return err
			}
			time.Sleep(time.Minute)
		}
	},
	"both": func(ss grpc.ServerStream) error {
		go func() {
			for ss.SendMsg(&greetv1.ConverseResponse{}) == nil {
				time.Sleep(time.Minute)
			}
		}()
		return ss.RecvMsg(&greetv1.ConverseRequest{})
	},
	"fails": func(ss grpc.ServerStream) error {
		<-ss.Context().Done()
		return status.Error(codes.Aborted, "its own")
	},
	"refuses": func(ss grpc.ServerStream) error {
		<-ss.Context().Done()
		return grpcauth.Refuse(ss.Context(), errors.New("its own"))
	},
	"doesn't care": func(ss grpc.ServerStream) error {
		time.Sleep(time.Hour)
		ss.SetTrailer(metadata.Pairs("late", "1"))
		return nil
	},
}

// Everybody hears of the same end, whatever the handler does.
func TestExpiredStreamHasOneEnding(t *testing.T) {
	for how, handler := range handlers {
		for kind, dial := range dials {
			t.Run(kind+"/the handler "+how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					issuer := verifiertest.NewIssuer()
					var started, ended atomic.Int64
					observe := interceptor.WithObserver(func(_ context.Context, d interceptor.Decision) {
						switch {
						case d.Stage == interceptor.StageStart && d.Code == interceptor.CodeOK:
							started.Add(1)
						case d.Stage == interceptor.StageStream && d.Code == interceptor.CodeUnauthenticated:
							ended.Add(1)
						default:
							t.Errorf("observed %+v", d)
						}
					})
					seen := &statistics{}
					conn := dial(t, handle(newAuth(t, issuer, observe), handler, grpc.StatsHandler(seen)))
					stream := converse(withToken(t.Context(), issuer.Token(nil)), t, conn)
					messages, err := 0, stream.RecvMsg(&greetv1.ConverseResponse{})
					for ; err == nil; messages++ {
						err = stream.RecvMsg(&greetv1.ConverseResponse{})
					}
					checkExpired(t, err)
					lost := kind == "ServeHTTP" && messages > 0 // net/http drops the trailer
					if got := challengesOf(stream); len(got) != 1 && !lost || len(got) > 1 {
						t.Errorf("the challenges are %q, want one", got)
					}
					time.Sleep(2 * time.Hour) // the handler has returned, too
					if started.Load() != 1 || ended.Load() != 1 {
						t.Errorf("observed %d starts and %d ends, want one of each", started.Load(), ended.Load())
					}
					if seen.trailers.Load() != 1 && kind == "Serve" || seen.ends.Load() != 1 ||
						codes.Code(seen.code.Load()) != codes.Unauthenticated {
						t.Errorf("the stats handler saw %d trailers and %d ends, with %v",
							seen.trailers.Load(), seen.ends.Load(), codes.Code(seen.code.Load()))
					}
				})
			})
		}
	}
}

func TestServerStopsGracefullyAfterItsStreamsExpired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := verifiertest.NewIssuer()
		server := handle(newAuth(t, issuer), func(ss grpc.ServerStream) error {
			return ss.RecvMsg(&greetv1.ConverseRequest{})
		})
		conn := dial(t, server)
		start := time.Now()
		stream := converse(withToken(t.Context(), issuer.Token(nil)), t, conn)
		synctest.Wait()
		server.GracefulStop()
		if elapsed := time.Since(start); elapsed != 5*time.Minute {
			t.Errorf("the server stopped after %v, want the token's 5m", elapsed)
		}
		checkExpired(t, stream.RecvMsg(&greetv1.ConverseResponse{}))
	})
}
