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
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// onlyKey accepts the credential "k-1" alone.
type onlyKey struct{}

func (onlyKey) Verify(_ context.Context, key string) (*verifier.Claims, error) {
	if key != "k-1" {
		return nil, &verifier.AuthError{Code: verifier.CodeInvalidToken, Message: "the key is unknown"}
	}
	return verifiertest.Claims(map[string]any{"sub": "reports"}), nil
}

// grpc-go leaves a cookie header split as HTTP/2 may split it (RFC 9113, section 8.2.3).
func TestCredentialsInOtherPlaces(t *testing.T) {
	auth := newAuth(t, verifiertest.NewIssuer(),
		interceptor.WithCredential(interceptor.Scheme("ApiKey"), onlyKey{}),
		interceptor.WithCredential(interceptor.Metadata("x-api-key"), onlyKey{}),
		interceptor.WithCredential(interceptor.Cookie("session"), onlyKey{}))
	server := grpc.NewServer(grpcauth.ServerOptions(auth)...)
	greetv1.RegisterGreetServiceServer(server, echo{})
	client := greetv1.NewGreetServiceClient(dial(t, server))
	for name, tt := range map[string]struct {
		metadata []string
		want     codes.Code
	}{
		"a scheme":                  {[]string{"authorization", "apikey k-1"}, codes.OK},
		"a key":                     {[]string{"x-api-key", "k-1"}, codes.OK},
		"a cookie":                  {[]string{"cookie", "a=1; session=k-1"}, codes.OK},
		"a cookie in a later crumb": {[]string{"cookie", "a=1", "cookie", "session=k-1"}, codes.OK},
		"another key":               {[]string{"x-other", "k-1"}, codes.Unauthenticated},
		"an unknown key":            {[]string{"x-api-key", "k-2"}, codes.Unauthenticated},
		"a key and a cookie":        {[]string{"x-api-key", "k-1", "cookie", "session=k-1"}, codes.Unauthenticated},
		"two crumbs with a session": {[]string{"cookie", "session=k-1", "cookie", "session=k-1"}, codes.Unauthenticated},
	} {
		ctx := metadata.AppendToOutgoingContext(t.Context(), tt.metadata...)
		res, err := client.Greet(ctx, &greetv1.GreetRequest{})
		if status.Code(err) != tt.want || tt.want == codes.OK && res.GetGreeting() != "reports" {
			t.Errorf("%s: %v, %v, want %v", name, res, err, tt.want)
		}
		stream, err := client.Watch(ctx, &greetv1.WatchRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := stream.Recv(); status.Code(err) != tt.want {
			t.Errorf("%s, in a stream: %v, want %v", name, err, tt.want)
		}
	}
}
