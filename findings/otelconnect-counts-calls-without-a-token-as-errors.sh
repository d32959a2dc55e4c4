#!/usr/bin/env bash
# An alert on the attribute error.type counts strangers at a Connect server, but not at a gRPC server.
#
# Versions:  go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc v0.72.0,
#            connectrpc.com/otelconnect v0.12.0, connectrpc.com/connect v1.21.1,
#            google.golang.org/grpc v1.85.0, go.opentelemetry.io/otel/sdk v1.47.0, Go 1.26.
# Guess:     both name a call's status rpc.response.status_code, and both set error.type for a
#            server's own failures alone, such as INTERNAL: spans and metrics alike.
# Behaviour: otelconnect sets error.type for every code, even beside a span whose status it leaves
#            unset, since a call without a token is no error of the server. otelgrpc sets it
#            for own failures, and in metrics only. An alert for both kinds of servers
#            has to count by rpc.response.status_code.
# Output, 2026-11-28, the server's span and its point of rpc.server.call.duration:
#> otelgrpc    UNAUTHENTICATED: status Unset, error.type in the span "", in the metric ""
#> otelconnect UNAUTHENTICATED: status Unset, error.type in the span "UNAUTHENTICATED", in the metric "UNAUTHENTICATED"
#> otelgrpc    INTERNAL: status Error, error.type in the span "", in the metric "INTERNAL"
#> otelconnect INTERNAL: status Error, error.type in the span "INTERNAL", in the metric "INTERNAL"
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

cat >main.go <<'GO'
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"

	"connectrpc.com/connect"
	"connectrpc.com/otelconnect"
	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
)

// A record keeps a server's spans and metrics.
type record struct {
	spans  *tracetest.SpanRecorder
	reader *metric.ManualReader
	traces *trace.TracerProvider
	meters *metric.MeterProvider
}

func newRecord() *record {
	r := &record{spans: tracetest.NewSpanRecorder(), reader: metric.NewManualReader()}
	r.traces = trace.NewTracerProvider(trace.WithSpanProcessor(r.spans))
	r.meters = metric.NewMeterProvider(metric.WithReader(r.reader))
	return r
}

func (r *record) show(name string) {
	value := func(set attribute.Set, key attribute.Key) string {
		v, _ := set.Value(key)
		return v.AsString()
	}
	var all metricdata.ResourceMetrics
	if err := r.reader.Collect(context.Background(), &all); err != nil {
		panic(err)
	}
	var point attribute.Set
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			if histogram, ok := m.Data.(metricdata.Histogram[float64]); ok && m.Name == "rpc.server.call.duration" {
				point = histogram.DataPoints[0].Attributes
			}
		}
	}
	span := r.spans.Ended()[0]
	attributes := attribute.NewSet(span.Attributes()...)
	fmt.Printf("%-11s %s: status %s, error.type in the span %q, in the metric %q\n", name,
		value(point, "rpc.response.status_code"), span.Status().Code, value(attributes, "error.type"), value(point, "error.type"))
}

func main() {
	for _, code := range []codes.Code{codes.Unauthenticated, codes.Internal} {
		byGRPC := newRecord()
		server := grpc.NewServer(grpc.StatsHandler(otelgrpc.NewServerHandler(
			otelgrpc.WithTracerProvider(byGRPC.traces), otelgrpc.WithMeterProvider(byGRPC.meters))))
		server.RegisterService(&grpc.ServiceDesc{
			ServiceName: "example.Service",
			HandlerType: (*any)(nil),
			Methods: []grpc.MethodDesc{{MethodName: "Call", Handler: func(any, context.Context, func(any) error, grpc.UnaryServerInterceptor) (any, error) {
				return nil, status.Error(code, "no")
			}}},
		}, struct{}{})
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			panic(err)
		}
		go server.Serve(listener)
		connection, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			panic(err)
		}
		connection.Invoke(context.Background(), "/example.Service/Call", &emptypb.Empty{}, &emptypb.Empty{})
		server.GracefulStop()
		byGRPC.show("otelgrpc")

		byConnect := newRecord()
		interceptor, err := otelconnect.NewInterceptor(
			otelconnect.WithTracerProvider(byConnect.traces), otelconnect.WithMeterProvider(byConnect.meters))
		if err != nil {
			panic(err)
		}
		handler := connect.NewUnaryHandler("/example.Service/Call", func(context.Context, *connect.Request[emptypb.Empty]) (*connect.Response[emptypb.Empty], error) {
			return nil, connect.NewError(connect.Code(code), errors.New("no"))
		}, connect.WithInterceptors(interceptor))
		request := httptest.NewRequest(http.MethodPost, "/example.Service/Call", strings.NewReader("{}"))
		request.Header.Set("Content-Type", "application/json")
		handler.ServeHTTP(httptest.NewRecorder(), request)
		byConnect.show("otelconnect")
	}
}
GO
go mod init example >/dev/null 2>&1
go get go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc@v0.72.0 connectrpc.com/otelconnect@v0.12.0 \
	connectrpc.com/connect@v1.21.1 google.golang.org/grpc@v1.85.0 \
	go.opentelemetry.io/otel/sdk@v1.47.0 go.opentelemetry.io/otel/sdk/metric@v1.47.0 2>/dev/null
go run -mod=mod . | tee out
diff <(sed -n 's/^#> //p' "$self") out
