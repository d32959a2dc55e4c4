package revocation

import "time"

// A Status describes a [List] at one moment, for dashboards and alerts. It contains no secrets, and
// a time is zero if its event has not happened.
type Status struct {
	Entries    int  // revocations held
	MaxEntries int  // as configured
	Full       bool // the list is full, and a revocation was not kept
	Dropped    int  // revocations that were not kept, so far
	Streams    int  // open streams that end when their token is revoked

	// Stale is true if a revocation may have been missed for longer than [Config].MaxStaleness.
	// Without a bus it's always false.
	Stale bool

	CaughtUp    time.Time // when everything on the bus had last been received
	Failures    int       // consecutive failures of the bus; 0 once everything was received again
	LastFailure time.Time
	LastError   string // from the last failure, kept after the bus is back
	Unreadable  int    // events from the bus that were skipped, so far
}

// Status returns the list's state, and asks the bus nothing.
func (l *List) Status() Status {
	if l.held == nil {
		return Status{}
	}
	s := Status{MaxEntries: l.config.MaxEntries, Stale: l.freshness.isStale()}
	if last := l.freshness.caughtUp.Load(); last != nil {
		s.CaughtUp = *last
	}
	l.mu.Lock()
	l.held.prune(time.Now())
	s.Entries, s.Streams = len(l.held.byKey), l.watchers.n
	l.isFull = l.isFull && l.held.isFull()
	s.Full, s.Dropped = l.isFull, l.dropped
	l.mu.Unlock()

	l.reception.mu.Lock()
	defer l.reception.mu.Unlock()
	s.Failures, s.LastFailure, s.Unreadable = l.reception.failures, l.reception.failed, l.reception.unreadable
	if l.reception.err != nil {
		s.LastError = l.reception.err.Error()
	}
	return s
}
