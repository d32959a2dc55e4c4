package otelauth

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/metric"

	"github.com/oidcrpc/oidcrpc/verifier/revocation"
)

// registerRevocations reports the state of a list, whenever the metrics are read.
func registerRevocations(meter metric.Meter, list *revocation.List) error {
	made := instruments{meter: meter}
	held := made.whole("oidcrpc.revocations.held", "{revocation}", "Revocations on the list.")
	dropped := made.counter("oidcrpc.revocations.dropped", "{revocation}", "Revocations that the full list has not kept.")
	age := made.gauge("oidcrpc.revocations.age", "s", "The time since everything on the bus had been received.")
	stale := made.whole("oidcrpc.revocations.stale", "",
		"1 while a revocation may have been missed for longer than MaxStaleness.")
	if made.err != nil {
		return made.err
	}
	_, err := meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
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
