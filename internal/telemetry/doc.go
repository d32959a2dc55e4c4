// Package telemetry tries package otelauth with what teams have around it: otelgrpc, otelconnect,
// the Prometheus exporter, and a real Prometheus if OIDCRPC_PROMETHEUS=1 and there is one in PATH.
package telemetry
