package ports_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/oidcrpc/oidcrpc/grpcauth"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/internal/ports/minder"
	"github.com/oidcrpc/oidcrpc/internal/ports/minder/minderv1"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

func newMinder(t *testing.T, s source, ci *verifiertest.Issuer) minderv1.ProfileServiceClient {
	t.Helper()
	http.DefaultTransport = keycloak{s.Issuer, ci} // which story puts back
	var c minder.Config
	configure(t, &c, `
server:
  issuer_url: http://keycloak:8080
  realm: stacklok
  issuer_claim: `+s.URL()+`
  audience: `+verifiertest.Audience+`
  scope: minder-audience
additional_issuers: [`+otherURL+`]
`)
	auth := must(t)(minder.New(c, minderv1.File_ports_minder_v1_minder_proto))
	server := grpc.NewServer(grpcauth.ServerOptions(auth)...)
	minderv1.RegisterProfileServiceServer(server, profiles{})
	if err := auth.CheckPolicy(grpcauth.Procedures(server)); err != nil {
		t.Error(err)
	}
	return minderv1.NewProfileServiceClient(connect(t, server))
}

// keycloak serves an issuer's keys where Keycloak does, under a name of its own.
type keycloak struct {
	issuer *verifiertest.Issuer
	ci     *verifiertest.Issuer // or nil
}

func (k keycloak) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.String() == "http://keycloak:8080/realms/stacklok/protocol/openid-connect/certs" {
		req = req.Clone(req.Context())
		req.URL.Path = "/jwks"
		return k.issuer.RoundTrip(req)
	}
	if k.ci == nil {
		return nil, errors.New("unreachable")
	}
	return k.ci.RoundTrip(req)
}

type profiles struct {
	minderv1.UnimplementedProfileServiceServer
}

func (profiles) CheckHealth(context.Context, *minderv1.CheckHealthRequest) (*minderv1.CheckHealthResponse, error) {
	return &minderv1.CheckHealthResponse{}, nil
}

func (profiles) GetUser(ctx context.Context, _ *minderv1.GetUserRequest) (*minderv1.GetUserResponse, error) {
	return &minderv1.GetUserResponse{Name: subject(ctx)}, nil
}

func (profiles) WatchProfile(
	_ *minderv1.WatchProfileRequest, stream grpc.ServerStreamingServer[minderv1.WatchProfileResponse],
) error {
	for {
		if err := stream.Send(&minderv1.WatchProfileResponse{Name: subject(stream.Context())}); err != nil {
			return err
		}
		select {
		case <-time.After(time.Second):
		case <-stream.Context().Done():
			return nil
		}
	}
}

func (profiles) DeleteUser(context.Context, *minderv1.DeleteUserRequest) (*minderv1.DeleteUserResponse, error) {
	return &minderv1.DeleteUserResponse{}, nil
}

func subject(ctx context.Context) string {
	claims, _ := interceptor.ClaimsFromContext(ctx)
	return claims.Subject()
}

func serveMinder(t *testing.T, s source) *client {
	conn := newMinder(t, s, nil)
	return &client{
		call: func(pairs ...string) answer {
			var trailer metadata.MD
			res, err := conn.GetUser(sending(t, pairs), &minderv1.GetUserRequest{}, grpc.Trailer(&trailer))
			return answerOf(res.GetName(), err, func() metadata.MD { return trailer })
		},
		watch: func(pairs ...string) func() answer {
			stream, err := conn.WatchProfile(sending(t, pairs), &minderv1.WatchProfileRequest{})
			if err != nil {
				t.Fatal(err)
			}
			return func() answer {
				res, err := stream.Recv()
				return answerOf(res.GetName(), err, stream.Trailer)
			}
		},
	}
}

func TestMinderFollowsTheOptionsInItsProto(t *testing.T) {
	story(t, "policy", func(t *testing.T, s source) {
		conn := newMinder(t, s, nil)
		if _, err := conn.CheckHealth(t.Context(), &minderv1.CheckHealthRequest{}); err != nil {
			t.Errorf("a public procedure: %v", err)
		}
		ctx := sending(t, []string{"authorization", "Bearer " + s.token(time.Hour)})
		if _, err := conn.DeleteUser(ctx, &minderv1.DeleteUserRequest{}); status.Code(err) != codes.PermissionDenied {
			t.Errorf("a procedure without an option: %v", err)
		}
	})
}

func TestMinderAcceptsAdditionalIssuers(t *testing.T) {
	story(t, "issuers", func(t *testing.T, s source) {
		ci := verifiertest.NewIssuer(verifiertest.WithURL(otherURL), verifiertest.WithAlgorithms("RS256"))
		conn := newMinder(t, s, ci)
		for name, token := range map[string]string{"ci": ci.Token(nil), "Keycloak": s.token(time.Hour)} {
			ctx := sending(t, []string{"authorization", "Bearer " + token})
			if _, err := conn.GetUser(ctx, &minderv1.GetUserRequest{}); err != nil {
				t.Errorf("a token of %s: %v", name, err)
			}
		}
		// The key of one issuer signs for no other.
		forged := ci.Token(map[string]any{"iss": s.URL()})
		ctx := sending(t, []string{"authorization", "Bearer " + forged})
		if _, err := conn.GetUser(ctx, &minderv1.GetUserRequest{}); status.Code(err) != codes.Unauthenticated {
			t.Errorf("a token of one issuer in the other's name: %v", err)
		}
	})
}
