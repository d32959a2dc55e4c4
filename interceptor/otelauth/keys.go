package otelauth

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/oidcrpc/oidcrpc/verifier"
)

const (
	issuerKey  = attribute.Key("oidcrpc.issuer")
	outcomeKey = attribute.Key("oidcrpc.outcome")
)

// registerStreams reports how many guarded streams are open.
func registerStreams(meter metric.Meter, open *atomic.Int64) error {
	_, err := meter.Int64ObservableUpDownCounter("oidcrpc.streams.open", metric.WithUnit("{stream}"),
		metric.WithDescription("Open streams that end with their token."),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(open.Load())
			return nil
		}))
	return err
}

// registerKeys reports each issuer's keys, whenever the metrics are read.
func registerKeys(meter metric.Meter, status func() []verifier.Status) error {
	usable, err := meter.Int64ObservableGauge("oidcrpc.keys.usable",
		metric.WithDescription("1 while tokens can be judged without waiting for the issuer."))
	age, err2 := meter.Float64ObservableGauge("oidcrpc.keys.age", metric.WithUnit("s"),
		metric.WithDescription("The time since a fetch has confirmed the keys."))
	remaining, err3 := meter.Float64ObservableGauge("oidcrpc.keys.remaining", metric.WithUnit("s"),
		metric.WithDescription("The time until calls fail, if no fetch succeeds."))
	failures, err6 := meter.Int64ObservableGauge("oidcrpc.keys.failures", metric.WithUnit("{fetch}"),
		metric.WithDescription("Fetches that have failed since the last good one."))
	fetches, err4 := meter.Int64ObservableCounter("oidcrpc.keys.fetches", metric.WithUnit("{fetch}"),
		metric.WithDescription("Fetches of keys."))
	verified, err5 := meter.Int64ObservableCounter("oidcrpc.tokens.verified", metric.WithUnit("{token}"),
		metric.WithDescription("Tokens whose signature was verified. The others were remembered."))
	if err := errors.Join(err, err2, err3, err4, err5, err6); err != nil {
		return err
	}
	_, err = meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		now := time.Now()
		for _, s := range status() {
			issuer := issuerKey.String(s.Issuer)
			byIssuer := metric.WithAttributes(issuer)
			o.ObserveInt64(usable, count(s.Usable), byIssuer)
			if !s.LastSuccess.IsZero() {
				o.ObserveFloat64(age, now.Sub(s.LastSuccess).Seconds(), byIssuer)
			}
			if !s.KeysUntil.IsZero() {
				o.ObserveFloat64(remaining, max(s.KeysUntil.Sub(now), 0).Seconds(), byIssuer)
			}
			o.ObserveInt64(failures, int64(s.Failures), byIssuer)
			ok, failed := outcomeKey.String("ok"), outcomeKey.String("failed")
			o.ObserveInt64(fetches, total(s.Fetches-s.FailedFetches), metric.WithAttributes(issuer, ok))
			o.ObserveInt64(fetches, total(s.FailedFetches), metric.WithAttributes(issuer, failed))
			o.ObserveInt64(verified, total(s.Verified), byIssuer)
		}
		return nil
	}, usable, age, remaining, failures, fetches, verified)
	return err
}

func count(isTrue bool) int64 {
	if isTrue {
		return 1
	}
	return 0
}

func total(n uint64) int64 { return int64(n) } //nolint:gosec // no process lives long enough
