package revocation

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/oidcrpc/oidcrpc/internal/refresh"
	"github.com/oidcrpc/oidcrpc/verifier"
)

// A freshness says whether everything on the bus has been received, up to some time ago.
type freshness struct {
	maxStaleness time.Duration // 0: there's no bus, so nothing can be missed
	refuse       bool
	caughtUp     atomic.Pointer[time.Time] // when it last had been; nil for never
}

// confirm says that everything has been received now.
func (f *freshness) confirm() {
	now := time.Now()
	f.caughtUp.Store(&now)
}

// isStale reports whether something may have been missed for too long.
func (f *freshness) isStale() bool {
	if f.maxStaleness == 0 {
		return false
	}
	last := f.caughtUp.Load()
	return last == nil || refresh.HasCome(last.Add(f.maxStaleness), time.Now())
}

// check returns an error if a stale list refuses calls, and it's stale.
func (f *freshness) check() error {
	if !f.refuse || !f.isStale() {
		return nil
	}
	return &verifier.KeysError{
		Code:       verifier.CodeRevocationsStale,
		RetryAfter: staleRetry,
		Err: errors.New("a revocation may have been missed: Config.Bus has been silent for longer than " +
			"Config.MaxStaleness, or List.Run doesn't run, and Config.Stale is Refuse"),
	}
}

const staleRetry = time.Second
