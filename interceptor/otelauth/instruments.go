package otelauth

import (
	"errors"

	"go.opentelemetry.io/otel/metric"
)

// instruments makes the instruments that are read from a status, and keeps what goes wrong.
type instruments struct {
	meter metric.Meter
	err   error
}

func (i *instruments) gauge(name, unit, description string) metric.Float64ObservableGauge {
	gauge, err := i.meter.Float64ObservableGauge(name, metric.WithUnit(unit), metric.WithDescription(description))
	i.err = errors.Join(i.err, err)
	return gauge
}

// whole makes a gauge of whole numbers.
func (i *instruments) whole(name, unit, description string) metric.Int64ObservableGauge {
	gauge, err := i.meter.Int64ObservableGauge(name, metric.WithUnit(unit), metric.WithDescription(description))
	i.err = errors.Join(i.err, err)
	return gauge
}

func (i *instruments) counter(name, unit, description string) metric.Int64ObservableCounter {
	counter, err := i.meter.Int64ObservableCounter(name, metric.WithUnit(unit), metric.WithDescription(description))
	i.err = errors.Join(i.err, err)
	return counter
}
