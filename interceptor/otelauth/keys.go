package otelauth

import (
	"context"
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
	made := instruments{meter: meter}
	usable := made.whole("oidcrpc.keys.usable", "", "1 while tokens can be judged without waiting for the issuer.")
	age := made.gauge("oidcrpc.keys.age", "s", "The time since a fetch has confirmed the keys.")
	remaining := made.gauge("oidcrpc.keys.remaining", "s", "The time until calls fail, if no fetch succeeds.")
	failures := made.whole("oidcrpc.keys.failures", "{fetch}", "Fetches that have failed since the last good one.")
	fetches := made.counter("oidcrpc.keys.fetches", "{fetch}", "Fetches of keys.")
	verified := made.counter("oidcrpc.tokens.verified", "{token}",
		"Tokens whose signature was verified. The others were remembered.")
	if made.err != nil {
		return made.err
	}
	_, err := meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
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
