package verifier

import "time"

// A Status is what a verifier knows of its issuer at one moment, for pages and logs of
// operators. It holds nothing secret. Times are zero for what has not happened.
type Status struct {
	Issuer      string
	Usable      bool      // whether tokens can be judged now, without waiting for the issuer
	Keys        int       // how many keys the set lists, of any kind
	KeysSince   time.Time // when this set was first fetched
	LastSuccess time.Time // when it was last confirmed
	LastFailure time.Time
	LastError   string    // of the last failure
	Failures    int       // fetches that failed in a row, up to now
	NextRefresh time.Time // when a call starts the next one
}

// Status returns the state of the issuer's keys. It fetches nothing.
func (v *Verifier) Status() Status {
	status := v.keys.status(time.Now())
	status.Issuer = v.issuer
	return status
}

func (s *keySource) status(now time.Time) (status Status) {
	s.mu.Lock()
	defer s.mu.Unlock()
	set := s.current.Load()
	if set != nil {
		status.Usable = s.mayServe(set, now)
		status.Keys = set.size()
		status.KeysSince = set.since
		status.LastSuccess = set.fetched
		status.NextRefresh = set.refreshAt
	}
	status.Failures = s.outage.failures
	if s.outage.err != nil {
		status.LastFailure = s.outage.latest
		status.LastError = s.outage.err.Error()
	}
	if s.outage.retryAt.After(status.NextRefresh) {
		status.NextRefresh = s.outage.retryAt
	}
	return status
}
