package grpcauth_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/grpcauth"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// A nesting service makes a call within this process, with its own call's context, and
// returns the error.
type nesting struct {
	greetv1.UnimplementedGreetServiceServer

	unary  func(context.Context) error
	stream func(grpc.ServerStream) error
}

func (n nesting) Greet(ctx context.Context, _ *greetv1.GreetRequest) (*greetv1.GreetResponse, error) {
	return &greetv1.GreetResponse{}, n.unary(ctx)
}

func (n nesting) Watch(_ *greetv1.WatchRequest, ss grpc.ServerStreamingServer[greetv1.WatchResponse]) error {
	return n.stream(ss)
}

// innerStream is the inner call's stream. It keeps its trailer to itself.
type innerStream struct {
	grpc.ServerStream

	trailer metadata.MD
}

func (s *innerStream) SetTrailer(md metadata.MD) { s.trailer = metadata.Join(s.trailer, md) }

// observed keeps the stages and codes that an observer sees.
func observed(log *[]string) interceptor.Option {
	return interceptor.WithObserver(func(_ context.Context, d interceptor.Decision) {
		*log = append(*log, fmt.Sprint(d.Stage, " ", d.Code))
	})
}

func TestCallWithinAnotherLeavesItsChallengeAndDecisionsThere(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	denied := interceptor.WithPolicy(interceptor.Policy{"/inner.S/Denied": {Access: interceptor.AccessDenied}})
	wrap := func(err error) error { return fmt.Errorf("wrapped: %w", err) }
	drop := func(error) error { return nil }
	const start, refused = "start ok", "handler permission_denied"
	for _, test := range []struct {
		name         string
		method       string
		refuse       func(outer, inner context.Context) error // the inner handler
		pass         func(error) error                        // what the outer handler makes of its error
		want         codes.Code
		challenged   bool
		outer, inner []string
	}{
		{
			"the inner call is refused at its start", "/inner.S/Denied", nil, wrap,
			codes.PermissionDenied, false, []string{start}, []string{"start permission_denied"},
		},
		{
			"the inner handler refuses", "/inner.S/M",
			func(_, inner context.Context) error { return grpcauth.Refuse(inner, errors.New("no")) }, wrap,
			codes.PermissionDenied, false, []string{start}, []string{start, refused},
		},
		{
			"the outer handler drops the error", "/inner.S/M",
			func(_, inner context.Context) error { return grpcauth.Refuse(inner, errors.New("no")) }, drop,
			codes.OK, false, []string{start}, []string{start, refused},
		},
		{
			"the inner handler refuses the outer call", "/inner.S/M",
			func(outer, _ context.Context) error { return grpcauth.Refuse(outer, errors.New("no")) }, wrap,
			codes.PermissionDenied, true, []string{start, refused}, []string{start},
		},
		{
			"the inner handler refuses the outer call, which drops the error", "/inner.S/M",
			func(outer, _ context.Context) error { return grpcauth.Refuse(outer, errors.New("no")) }, drop,
			codes.OK, false, []string{start}, []string{start},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			var outer, inner []string
			innerAuth := newAuth(t, issuer, observed(&inner), denied)
			service := nesting{
				unary: func(ctx context.Context) error {
					_, err := grpcauth.UnaryServerInterceptor(innerAuth)(ctx, nil, &grpc.UnaryServerInfo{FullMethod: test.method},
						func(innerCtx context.Context, _ any) (any, error) { return nil, test.refuse(ctx, innerCtx) })
					return test.pass(err)
				},
				stream: func(ss grpc.ServerStream) error {
					is := &innerStream{ServerStream: ss}
					err := grpcauth.StreamServerInterceptor(innerAuth)(nil, is, &grpc.StreamServerInfo{FullMethod: test.method},
						func(_ any, in grpc.ServerStream) error { return test.refuse(ss.Context(), in.Context()) })
					if got, want := len(is.trailer["www-authenticate"]), len(test.inner)-1; test.method == "/inner.S/M" && got != want {
						t.Errorf("the inner stream has %d challenges, want %d", got, want)
					}
					return test.pass(err)
				},
			}
			server := grpc.NewServer(grpcauth.ServerOptions(newAuth(t, issuer, observed(&outer)))...)
			greetv1.RegisterGreetServiceServer(server, service)
			client := greetv1.NewGreetServiceClient(dial(t, server))
			ctx := withToken(t.Context(), issuer.Token(nil))

			check := func(kind string, trailer metadata.MD, err error) {
				if status.Code(err) != test.want {
					t.Errorf("%s: %v, want %v", kind, err, test.want)
				}
				if got := trailer.Get("www-authenticate"); (len(got) == 1) != test.challenged || len(got) > 1 {
					t.Errorf("%s: the outer call has challenges %q, want one = %v", kind, got, test.challenged)
				}
				if !slices.Equal(outer, test.outer) || !slices.Equal(inner, test.inner) {
					t.Errorf("%s: the observers saw %q and %q, want %q and %q", kind, outer, inner, test.outer, test.inner)
				}
				outer, inner = nil, nil
			}
			var trailer metadata.MD
			_, err := client.Greet(ctx, &greetv1.GreetRequest{}, grpc.Trailer(&trailer))
			check("unary", trailer, err)

			stream, err := client.Watch(ctx, &greetv1.WatchRequest{})
			if err != nil {
				t.Fatal(err)
			}
			_, err = stream.Recv()
			if test.want == codes.OK {
				err = nil // the end of the stream
			}
			check("stream", stream.Trailer(), err)
		})
	}
}

// A handler may have an AuthError from a call it made itself.
func TestAuthErrorFromAnotherCallIsNotARefusal(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	var log []string
	server := grpc.NewServer(grpcauth.ServerOptions(newAuth(t, issuer, observed(&log)))...)
	greetv1.RegisterGreetServiceServer(server, nesting{unary: func(context.Context) error {
		return &verifier.AuthError{Code: verifier.CodeInvalidToken, Message: "theirs"}
	}})
	client := greetv1.NewGreetServiceClient(dial(t, server))
	var trailer metadata.MD
	_, err := client.Greet(withToken(t.Context(), issuer.Token(nil)), &greetv1.GreetRequest{}, grpc.Trailer(&trailer))
	if status.Code(err) != codes.Unknown || len(trailer.Get("www-authenticate")) > 0 || len(log) != 1 {
		t.Errorf("got %v with %v, observed %q", err, trailer, log)
	}
}
