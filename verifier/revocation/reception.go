package revocation

import (
	"log/slog"
	"sync"
	"time"
)

// A reception says how receiving from the bus has gone.
type reception struct {
	mu         sync.Mutex
	failures   int // since it last had caught up
	err        error
	failed     time.Time // when it last did
	unreadable int       // events
	logged     time.Time // the last line about one
}

// fail notes the bus's failure, and returns how many there were in a row.
func (r *reception) fail(err error, logger *slog.Logger) int {
	r.mu.Lock()
	r.failures++
	r.err, r.failed = err, time.Now()
	failures := r.failures
	r.mu.Unlock()
	if logger != nil && failures == 1 {
		logger.Warn("revocation bus lost", "error", err)
	}
	return failures
}

// succeed notes that everything has been received.
func (r *reception) succeed(logger *slog.Logger) {
	r.mu.Lock()
	failures := r.failures
	r.failures = 0
	r.mu.Unlock()
	if logger != nil && failures > 0 {
		logger.Info("revocation bus back", "failures", failures)
	}
}

// skip notes an event that can't be read. A line a minute says so.
func (r *reception) skip(err error, logger *slog.Logger) {
	now := time.Now()
	r.mu.Lock()
	r.unreadable++
	isDue := r.logged.IsZero() || now.Sub(r.logged) >= time.Minute
	if isDue {
		r.logged = now
	}
	unreadable := r.unreadable
	r.mu.Unlock()
	if logger != nil && isDue {
		logger.Warn("revocation event unreadable", "error", err, "so far", unreadable)
	}
}
