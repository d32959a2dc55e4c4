package main

import (
	"log/slog"
	"net/http"
)

// An app has what its servers share.
type app struct {
	log     *slog.Logger
	metrics http.Handler
}

func newApp(log *slog.Logger) (*app, error) {
	metrics, err := newMetrics()
	if err != nil {
		return nil, err
	}
	return &app{log: log, metrics: metrics}, nil
}
