package grpcauth_test

import (
	"context"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/grpcauth"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

func TestNilAuthenticatorPanicsAtConstruction(t *testing.T) {
	for name, construct := range map[string]func(){
		"UnaryServerInterceptor":  func() { grpcauth.UnaryServerInterceptor(nil) },
		"StreamServerInterceptor": func() { grpcauth.StreamServerInterceptor(nil) },
		"ServerOptions":           func() { grpcauth.ServerOptions(nil) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s(nil) did not panic", name)
				}
			}()
			construct()
		}()
	}
}

// echo answers every kind of call with the caller's subject.
type echo struct {
	greetv1.UnimplementedGreetServiceServer
}

func (echo) Greet(ctx context.Context, _ *greetv1.GreetRequest) (*greetv1.GreetResponse, error) {
	claims, _ := interceptor.ClaimsFromContext(ctx)
	return &greetv1.GreetResponse{Greeting: claims.Subject()}, nil
}

func (echo) Watch(_ *greetv1.WatchRequest, stream grpc.ServerStreamingServer[greetv1.WatchResponse]) error {
	claims, _ := interceptor.ClaimsFromContext(stream.Context())
	return stream.Send(&greetv1.WatchResponse{Greeting: claims.Subject()})
}

func TestServerOptionsSecureUnaryCallsAndStreams(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	server := grpc.NewServer(grpcauth.ServerOptions(newAuth(t, issuer))...)
	greetv1.RegisterGreetServiceServer(server, echo{})
	client := greetv1.NewGreetServiceClient(dial(t, server))

	admitted := withToken(t.Context(), issuer.Token(map[string]any{"sub": "alice"}))
	greeted, err := client.Greet(admitted, &greetv1.GreetRequest{})
	if err != nil || greeted.GetGreeting() != "alice" {
		t.Errorf("Greet: %v, %v", greeted, err)
	}
	watched, err := watchOne(admitted, client)
	if err != nil || watched != "alice" {
		t.Errorf("Watch: %q, %v", watched, err)
	}

	if _, err := client.Greet(t.Context(), &greetv1.GreetRequest{}); status.Code(err) != codes.Unauthenticated {
		t.Errorf("Greet without a token: %v", err)
	}
	if _, err := watchOne(t.Context(), client); status.Code(err) != codes.Unauthenticated {
		t.Errorf("Watch without a token: %v", err)
	}
}

func watchOne(ctx context.Context, client greetv1.GreetServiceClient) (string, error) {
	stream, err := client.Watch(ctx, &greetv1.WatchRequest{})
	if err != nil {
		return "", err
	}
	res, err := stream.Recv()
	if err != nil {
		return "", err
	}
	_, _ = stream.Recv()
	return res.GetGreeting(), nil
}

func TestOnlyTheCallsOwnAuthorizationIsRead(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	good := "Bearer " + issuer.Token(nil)
	intercept := grpcauth.UnaryServerInterceptor(newAuth(t, issuer))
	tests := []struct {
		name  string
		ctx   context.Context
		admit bool
	}{
		{"incoming metadata", incoming("authorization", good), true},
		{"in another case, as tests and gateways write it", incoming("Authorization", good), true},
		{"a binary key", incoming("authorization-bin", good), false},
		{"a proxy's key", incoming("proxy-authorization", good), false},
		{"a gateway's key", incoming("grpcgateway-authorization", good), false},
		{"outgoing metadata", metadata.NewOutgoingContext(context.Background(),
			metadata.Pairs("authorization", good)), false},
		{"none", context.Background(), false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := intercept(test.ctx, nil, &grpc.UnaryServerInfo{FullMethod: "/a.S/M"},
				func(context.Context, any) (any, error) { return nil, nil })
			if admitted := err == nil; admitted != test.admit {
				t.Errorf("err = %v, want admitted = %v", err, test.admit)
			}
		})
	}
}

func incoming(key, value string) context.Context {
	return metadata.NewIncomingContext(context.Background(), metadata.MD{key: {value}})
}
