package telemetry_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connect"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/interceptor/otelauth"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/revocation"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// A service is an Authenticator that reports to a Prometheus page and to a span recorder.
type service struct {
	issuer  *verifiertest.Issuer
	auth    *interceptor.Authenticator
	metrics http.Handler
	spans   *tracetest.SpanRecorder
	tracer  *sdktrace.TracerProvider
}

func newService(t *testing.T, change func(*verifier.Config)) *service {
	t.Helper()
	s := &service{issuer: verifiertest.NewIssuer(), spans: tracetest.NewSpanRecorder()}
	s.tracer = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(s.spans))
	registry := prometheus.NewRegistry()
	exporter, err := otelprometheus.New(otelprometheus.WithRegisterer(registry))
	if err != nil {
		t.Fatal(err)
	}
	s.metrics = promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
	config := s.issuer.Config()
	change(&config)
	v, err := verifier.New(config)
	if err != nil {
		t.Fatal(err)
	}
	list, err := revocation.New(revocation.Config{})
	if err != nil {
		t.Fatal(err)
	}
	options, err := otelauth.Options(otelauth.Config{
		Verifier: v, Revocations: list, MeterProvider: metric.NewMeterProvider(metric.WithReader(exporter)), TracerProvider: s.tracer,
	})
	if err != nil {
		t.Fatal(err)
	}
	if s.auth, err = interceptor.New(v, options...); err != nil {
		t.Fatal(err)
	}
	return s
}

type grpcGreeter struct {
	greetv1.UnimplementedGreetServiceServer
}

func (grpcGreeter) Greet(context.Context, *greetv1.GreetRequest) (*greetv1.GreetResponse, error) {
	return &greetv1.GreetResponse{}, nil
}

type connectGreeter struct {
	greetv1connect.UnimplementedGreetServiceHandler
}

// callGRPC starts a server with options and calls it once.
func callGRPC(t *testing.T, token string, options ...grpc.ServerOption) error {
	t.Helper()
	server := grpc.NewServer(options...)
	greetv1.RegisterGreetServiceServer(server, grpcGreeter{})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(listener) }()
	defer server.GracefulStop()
	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
	_, err = greetv1.NewGreetServiceClient(conn).Greet(ctx, &greetv1.GreetRequest{})
	return err
}

// callConnect starts a server around handler and sends it one request.
func callConnect(t *testing.T, token string, handler http.Handler) int {
	t.Helper()
	server := httptest.NewServer(handler)
	defer server.Close()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost,
		server.URL+greetv1connect.GreetServiceGreetProcedure, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/proto")
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := server.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	return response.StatusCode
}

func connectHandler(interceptors ...connect.Interceptor) http.Handler {
	mux := http.NewServeMux()
	mux.Handle(greetv1connect.NewGreetServiceHandler(connectGreeter{}, connect.WithInterceptors(interceptors...)))
	return mux
}
