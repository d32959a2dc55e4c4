package main

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/logging"
	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/recovery"
	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"

	greetgw "github.com/oidcrpc/oidcrpc/examples/adopt/greetgw"
	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
)

// newGRPCServer serves greetings, health checks and reflection.
func (a *app) newGRPCServer() *grpc.Server {
	server := grpc.NewServer(
		grpc.StatsHandler(otelgrpc.NewServerHandler()),
		grpc.ChainUnaryInterceptor(
			logging.UnaryServerInterceptor(logging.LoggerFunc(a.write)),
			recovery.UnaryServerInterceptor(),
		),
		grpc.ChainStreamInterceptor(
			logging.StreamServerInterceptor(logging.LoggerFunc(a.write)),
			recovery.StreamServerInterceptor(),
		),
	)
	greetv1.RegisterGreetServiceServer(server, grpcGreeter{})
	healthv1.RegisterHealthServer(server, health.NewServer())
	reflection.Register(server)
	return server
}

func (a *app) write(ctx context.Context, level logging.Level, msg string, fields ...any) {
	a.log.Log(ctx, slog.Level(level), msg, fields...)
}

// newGateway serves REST, and calls the gRPC server at the other end of conn.
func newGateway(ctx context.Context, conn *grpc.ClientConn) (http.Handler, error) {
	mux := runtime.NewServeMux()
	err := greetgw.RegisterGreetServiceHandler(ctx, mux, conn)
	return mux, err
}
