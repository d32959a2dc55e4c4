package main

import (
	"context"
	"fmt"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/grpcauth"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// refusalRaces time unary gRPC calls that are refused, over TCP. Both ends count: what a client does
// with a longer answer is in all that follows the first line.
func refusalRaces(issuer *verifiertest.Issuer, want func(name string) bool, rounds int) (races []Race, err error) {
	const alg = "RS256"
	v, err := verifier.New(issuer.Config())
	if err != nil {
		return nil, err
	}
	auth, err := interceptor.New(v)
	if err != nil {
		return nil, err
	}
	check, err := cryptoAlone(issuer, alg)
	if err != nil {
		return nil, err
	}
	claims := typicalClaims()
	claims["exp"] = time.Now().Add(-time.Hour).Unix()
	expired := newSample(issuer.Token(claims, verifiertest.WithAlgorithm(alg)))
	forged := forge(issuer, alg)
	for _, r := range []struct {
		name  string
		sent  *sample // nil for none
		check verify  // nil for none
	}{
		{"without a token", nil, nil},
		{"with garbage", garbage, nil},
		{"with an expired token", expired, check},
		{"with a forged token", forged, check},
	} {
		name := "refused gRPC call " + r.name
		if !want(name) {
			continue
		}
		contestants, closeAll, err := refusers(auth, r.check, r.sent)
		if err != nil {
			return nil, err
		}
		defer closeAll()
		results, err := race(contestants, rounds, echoSlice)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		races = append(races, Race{name, results})
	}
	return races, nil
}

// refusers are three servers that refuse calls: with a status alone, with all that our callers
// get, and ours. The first two look at no call, but check the signature if there is one to check.
func refusers(auth *interceptor.Authenticator, check verify, sent *sample) ([]contestant, func(), error) {
	var clients []*grpcClient
	closeAll := func() {
		for _, c := range clients {
			c.close()
		}
	}
	ready, err := startRefusing(grpcauth.ServerOptions(auth))
	if err != nil {
		return nil, nil, err
	}
	clients = append(clients, ready)
	answer, err := ready.answer(context.Background(), sent)
	if err != nil {
		return nil, nil, err
	}
	contestants := make([]contestant, 0, 3)
	bare := refusal{status: status.New(codes.Unauthenticated, answer.status.Message())}
	for _, other := range []struct {
		name string
		refusal
	}{{"status alone", bare}, {"the same answer", answer}} {
		c, err := startRefusing([]grpc.ServerOption{grpc.UnaryInterceptor(other.always(check, sent))})
		if err != nil {
			return nil, nil, err
		}
		clients = append(clients, c)
		contestants = append(contestants, contestant{other.name, callers, manyCallers(c.refused(sent))})
	}
	return append(contestants, contestant{ours, callers, manyCallers(ready.refused(sent))}), closeAll, nil
}

// A refusal is what the caller of a refused call gets.
type refusal struct {
	status  *status.Status
	trailer metadata.MD
}

// always returns an interceptor that refuses every call in this way.
func (r refusal) always(check verify, sent *sample) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, _ any, _ *grpc.UnaryServerInfo, _ grpc.UnaryHandler) (any, error) {
		if check != nil {
			_ = check(ctx, sent) // the call is refused either way
		}
		if r.trailer != nil {
			_ = grpc.SetTrailer(ctx, r.trailer) // in a call it never fails
		}
		return nil, r.status.Err()
	}
}

// answer makes a call, and returns how it's refused.
func (c *grpcClient) answer(ctx context.Context, sent *sample) (refusal, error) {
	var trailer metadata.MD
	_, err := c.Greet(sent.authorize(ctx), greetRequest, grpc.Trailer(&trailer))
	challenge := trailer.Get("www-authenticate")
	if status.Code(err) != codes.Unauthenticated || len(challenge) != 1 {
		return refusal{}, fmt.Errorf("the call got %w, want Unauthenticated with a challenge", err)
	}
	return refusal{status.Convert(err), metadata.Pairs("www-authenticate", challenge[0])}, nil
}

func startRefusing(options []grpc.ServerOption) (*grpcClient, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	server := grpc.NewServer(options...)
	greetv1.RegisterGreetServiceServer(server, grpcEcho{})
	go func() { _ = server.Serve(listener) }()
	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, err
	}
	return &grpcClient{GreetServiceClient: greetv1.NewGreetServiceClient(conn), conn: conn, server: server}, nil
}

// refused makes a call that must be refused.
func (c *grpcClient) refused(sent *sample) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		if _, err := c.Greet(sent.authorize(ctx), greetRequest); status.Code(err) != codes.Unauthenticated {
			return fmt.Errorf("the call got %w, want Unauthenticated", err)
		}
		return nil
	}
}

// authorize has a call carry the token. A nil sample is none.
func (s *sample) authorize(ctx context.Context) context.Context {
	if s == nil {
		return ctx
	}
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+s.token)
}
