package telemetry_test

import (
	"net/http"
	"slices"
	"testing"

	"connectrpc.com/connect"
	"connectrpc.com/otelconnect"
	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/otel/attribute"
	"google.golang.org/grpc"

	"github.com/oidcrpc/oidcrpc/connectauth"
	"github.com/oidcrpc/oidcrpc/grpcauth"
	"github.com/oidcrpc/oidcrpc/verifier"
)

func unchanged(*verifier.Config) {}

// explained returns how many spans hold the reason of a refusal.
func (s *service) explained(reason string) (n int) {
	for _, span := range s.spans.Ended() {
		if slices.Contains(span.Attributes(), attribute.String("oidcrpc.reason", reason)) {
			n++
		}
	}
	return n
}

func TestSpanOfOtelgrpcSaysWhyACallWasRefused(t *testing.T) {
	stats := func(s *service) grpc.ServerOption {
		return grpc.StatsHandler(otelgrpc.NewServerHandler(otelgrpc.WithTracerProvider(s.tracer)))
	}
	for name, order := range map[string]func(*service) []grpc.ServerOption{
		"ours last": func(s *service) []grpc.ServerOption {
			return append([]grpc.ServerOption{stats(s)}, grpcauth.ServerOptions(s.auth)...)
		},
		"ours first": func(s *service) []grpc.ServerOption { return append(grpcauth.ServerOptions(s.auth), stats(s)) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newService(t, unchanged)
			if err := callGRPC(t, "forged", order(s)...); err == nil {
				t.Fatal("a forged token was admitted")
			}
			if n, all := s.explained("malformed_token"), len(s.spans.Ended()); n != 1 || all != 1 {
				t.Errorf("%d of %d spans say why, want the call's only one", n, all)
			}
		})
	}
}

func TestSpanSaysWhyAConnectCallWasRefusedInAnyOrder(t *testing.T) {
	tests := map[string]func(s *service, otel, ours connect.Interceptor) http.Handler{
		"otelconnect first": func(_ *service, otel, ours connect.Interceptor) http.Handler { return connectHandler(otel, ours) },
		"otelconnect last":  func(_ *service, otel, ours connect.Interceptor) http.Handler { return connectHandler(ours, otel) },
		"middleware in front": func(s *service, otel, ours connect.Interceptor) http.Handler {
			return connectauth.NewMiddleware(s.auth).Wrap(connectHandler(otel, ours))
		},
	}
	for name, handler := range tests {
		t.Run(name, func(t *testing.T) {
			s := newService(t, unchanged)
			otel, err := otelconnect.NewInterceptor(otelconnect.WithTracerProvider(s.tracer), otelconnect.WithTrustRemote())
			if err != nil {
				t.Fatal(err)
			}
			status := callConnect(t, "forged", handler(s, otel, connectauth.NewInterceptor(s.auth)))
			if status != http.StatusUnauthorized {
				t.Errorf("status = %d, want 401", status)
			}
			if n := s.explained("malformed_token"); n != 1 {
				t.Errorf("%d spans say why, want 1", n)
			}
		})
	}
}
