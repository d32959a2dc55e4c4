package otelauth

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/metric"

	"github.com/oidcrpc/oidcrpc/verifier/revocation"
)

// registerRevocations reports the state of a list, whenever the metrics are read.
func registerRevocations(meter metric.Meter, list *revocation.List) error {
	held, err := meter.Int64ObservableGauge("oidcrpc.revocations.held", metric.WithUnit("{revocation}"),
		metric.WithDescription("Revocations on the list."))
	dropped, err2 := meter.Int64ObservableCounter("oidcrpc.revocations.dropped", metric.WithUnit("{revocation}"),
		metric.WithDescription("Revocations that the full list has not kept."))
	age, err3 := meter.Float64ObservableGauge("oidcrpc.revocations.age", metric.WithUnit("s"),
		metric.WithDescription("The time since everything on the bus had been received."))
	stale, err4 := meter.Int64ObservableGauge("oidcrpc.revocations.stale",
		metric.WithDescription("1 while a revocation may have been missed for longer than MaxStaleness."))
	if err := errors.Join(err, err2, err3, err4); err != nil {
		return err
	}
	_, err = meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		s := list.Status()
		o.ObserveInt64(held, int64(s.Entries))
		o.ObserveInt64(dropped, int64(s.Dropped))
		o.ObserveInt64(stale, count(s.Stale))
		if !s.CaughtUp.IsZero() {
			o.ObserveFloat64(age, time.Since(s.CaughtUp).Seconds())
		}
		return nil
	}, held, dropped, age, stale)
	return err
}
