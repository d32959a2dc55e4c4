package otelauth

import (
	"fmt"
	"sync/atomic"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/revocation"
)

// A Config says what is reported, and where. Its zero value reports decisions to the global
// providers.
type Config struct {
	// Verifier is the one behind the Authenticator: a [*verifier.Verifier], [*verifier.Multi],
	// [*verifier.Dynamic], or one of package introspection. Without it nothing about keys is
	// reported.
	Verifier interface{ Status() []verifier.Status }

	// Revocations is the list in [interceptor.WithRevocations]. Without it nothing about
	// revocations is reported.
	Revocations *revocation.List

	// MeterProvider and TracerProvider default to OpenTelemetry's global ones.
	MeterProvider  metric.MeterProvider
	TracerProvider trace.TracerProvider
}

const scope = "github.com/oidcrpc/oidcrpc/interceptor/otelauth"

// Options returns the options for [interceptor.New]. Call it once, and use them for every
// Authenticator with the same verifier, such as those for several MCP servers: what they
// decide adds up. Other observers may stand beside them. An error comes from the
// MeterProvider.
func Options(c Config) ([]interceptor.Option, error) {
	if c.MeterProvider == nil {
		c.MeterProvider = otel.GetMeterProvider()
	}
	if c.TracerProvider == nil {
		c.TracerProvider = otel.GetTracerProvider()
	}
	meter := c.MeterProvider.Meter(scope)
	open := new(atomic.Int64)
	decisions, err := newDecisions(meter, c.TracerProvider.Tracer(scope))
	if err == nil {
		err = registerStreams(meter, open)
	}
	if err == nil && c.Verifier != nil {
		err = registerKeys(meter, c.Verifier.Status)
	}
	if err == nil && c.Revocations != nil {
		err = registerRevocations(meter, c.Revocations)
	}
	if err != nil {
		return nil, fmt.Errorf("otelauth: %w", err)
	}
	return []interceptor.Option{
		interceptor.WithObserver(decisions.observe),
		interceptor.WithStreamCount(open),
	}, nil
}
