package verifier

import (
	"sync/atomic"
	"time"

	"github.com/oidcrpc/oidcrpc/internal/refresh"
)

// A tenant is an issuer named by a token. It's called a stranger until one of its tokens is
// valid.
type tenant struct {
	source *refresh.Source[resolution]
	isGone atomic.Bool // dropped from its Dynamic
	isUsed atomic.Bool // by a remembered token, which doesn't look into tenants
	issuer string
}

// A resolution is the Resolver's answer for an issuer.
type resolution struct {
	verifier *Verifier // nil if the issuer is unknown
}

// inUse reports whether m is the memory of the tenant's latest verifier, which may be used now. It
// never waits.
func (t *tenant) inUse(m *memory, now time.Time) bool {
	latest := t.source.CurrentAt(now)
	if latest == nil || latest.Value.verifier == nil || &latest.Value.verifier.memory != m || t.isGone.Load() {
		return false
	}
	if !t.isUsed.Load() { // so that cores needn't pass it around
		t.isUsed.Store(true)
	}
	return true
}
