package verifier

import (
	"log/slog"
	"time"
)

// A Status describes what a verifier knows about one issuer at one moment, for dashboards and
// logs. It contains no secrets, and a time is zero if its event has not happened.
type Status struct {
	Issuer      string
	Usable      bool      // tokens can be judged now, without waiting for the issuer
	Keys        int       // keys in the set, usable or not
	UsableKeys  int       // keys in the set that can verify signatures
	KeysSince   time.Time // when this key set was first fetched
	LastSuccess time.Time // when it was last confirmed by a fetch
	LastFailure time.Time
	LastError   string    // from the last failure, kept after a success
	Failures    int       // consecutive failed fetches; 0 after a success
	NextRefresh time.Time // the earliest time for a call to start a fetch

	// KeysUntil is when calls begin to fail if no fetch succeeds until then. It's zero if there
	// are no keys, or fixed ones, which last for ever.
	KeysUntil time.Time

	// Fetches counts all finished fetches, and FailedFetches those that failed. A look at an
	// unchanged file is none.
	Fetches, FailedFetches uint64

	// Verified counts the tokens whose signature was verified. Remembered tokens don't count, so
	// the other calls were answered from memory.
	Verified uint64
}

// A FetchEvent describes one finished fetch of an issuer's keys, and of its metadata if needed.
// It contains no secrets.
type FetchEvent struct {
	Issuer   string
	Reason   FetchReason
	Outcome  FetchOutcome
	Duration time.Duration

	// Keys is the number of keys in the set, usable or not, and UsableKeys the number of keys
	// that can verify signatures. Both are 0 if the fetch failed.
	Keys, UsableKeys int

	// Failures counts consecutive failed fetches: including this one if it failed, or just before
	// it if it succeeded.
	Failures int

	// Err says why the fetch failed, as a [*KeysError]. It is nil after a success.
	Err error

	// Warning says, as a [*KeysError], why the metadata could not be used in a successful fetch.
	// The keys then came from the URL the metadata last named. It is nil if all went well.
	Warning error
}

// A FetchReason says why keys were fetched.
type FetchReason string

// Reasons for a fetch.
const (
	FetchFirst      FetchReason = "first"       // there were no keys yet
	FetchRefresh    FetchReason = "refresh"     // the keys were due or expired
	FetchUnknownKid FetchReason = "unknown_kid" // a token named a missing key

	// FetchBadSignature means that a token's signature didn't match the key it named, perhaps
	// because the issuer has changed the key and kept its kid.
	FetchBadSignature FetchReason = "bad_signature"
)

// A FetchOutcome says how a fetch ended.
type FetchOutcome string

// Outcomes of a fetch.
const (
	FetchChanged   FetchOutcome = "changed"   // the key set differs from the one before
	FetchUnchanged FetchOutcome = "unchanged" // the key set is the same
	FetchFailed    FetchOutcome = "failed"    // the earlier key set, if any, is kept
)

// logFetch logs a line if the fetch changed anything.
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
		logger.Info("issuer keys changed", "keys", event.Keys, "usable", event.UsableKeys)
	}
}
