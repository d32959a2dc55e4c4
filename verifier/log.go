package verifier

import "log/slog"

// logFetch writes a line if the fetch changed the state of things.
func logFetch(logger *slog.Logger, event FetchEvent) {
	logger = logger.With("issuer", event.Issuer)
	failed := event.Outcome == FetchFailed
	switch {
	case failed && event.Failures == 1:
		logger.Warn("issuer lost", "reason", event.Reason, "error", event.Err)
	case !failed && event.Failures > 0:
		logger.Info("issuer back", "failures", event.Failures)
	}
	if event.Outcome == FetchChanged {
		logger.Info("issuer keys changed", "keys", event.Keys)
	}
}
