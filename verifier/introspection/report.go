package introspection

import (
	"github.com/oidcrpc/oidcrpc/internal/refresh"
	"github.com/oidcrpc/oidcrpc/verifier"
)

// report passes a question's end on to the log and to OnFetch.
func report(c Config, r refresh.Result[verdict]) {
	event := verifier.FetchEvent{
		Issuer:   c.Issuer,
		Reason:   verifier.FetchFirst,
		Outcome:  verifier.FetchChanged,
		Duration: r.Duration,
		Failures: r.Failures,
	}
	if r.IsKnown || r.Key == "" {
		event.Reason = verifier.FetchRefresh
	}
	switch {
	case r.Err != nil:
		event.Outcome = verifier.FetchFailed
		event.Err = keysError(r.Err)
	case r.Key == "", r.IsKnown && r.Value.claims != nil:
		event.Outcome = verifier.FetchUnchanged
	}
	if c.Logger != nil {
		logger := c.Logger.With("issuer", c.Issuer)
		switch {
		case r.IsOutage() && r.Failures == 1:
			logger.Warn("authorization server lost", "reason", event.Reason, "error", event.Err)
		case r.Err == nil && r.Failures > 0:
			logger.Info("authorization server back", "failures", r.Failures)
		}
	}
	if c.OnFetch != nil {
		c.OnFetch(event)
	}
}
