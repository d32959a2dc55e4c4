package verifier

import (
	"log/slog"
	"time"
)

// A Status is what a verifier knows about one issuer at one moment, for an operator's pages
// and logs. It holds nothing secret. Times are zero for what has not happened.
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

// A FetchEvent tells [Config].OnFetch about one fetch: of the issuer's metadata, if it's
// asked for them, and of its keys. It holds nothing secret.
type FetchEvent struct {
	Issuer   string
	Reason   FetchReason
	Outcome  FetchOutcome
	Duration time.Duration

	// Keys is how many keys the set lists, of any kind. It's 0 when the fetch failed.
	Keys int

	// Failures is how many fetches have failed in a row: up to this one when it failed,
	// and before it when it did not.
	Failures int

	// Err says why the fetch failed, as a [*KeysError].
	Err error

	// Warning says why the metadata could not be used in a fetch that succeeded, because
	// the keys were still where the metadata last said. It's a [*KeysError], too.
	Warning error
}

// A FetchReason says why keys were fetched.
type FetchReason string

// The reasons of a fetch.
const (
	FetchFirst      FetchReason = "first"       // there were none
	FetchRefresh    FetchReason = "refresh"     // they were due, or past their time
	FetchUnknownKid FetchReason = "unknown_kid" // a token named a key that was not among them

	// FetchBadSignature: a token named a key that had not made its signature, as when an
	// issuer changes a key and keeps its kid.
	FetchBadSignature FetchReason = "bad_signature"
)

// A FetchOutcome says what came of a fetch.
type FetchOutcome string

// The outcomes of a fetch.
const (
	FetchChanged   FetchOutcome = "changed"   // the key set is another than before
	FetchUnchanged FetchOutcome = "unchanged" // the key set is the same
	FetchFailed    FetchOutcome = "failed"    // the key set from before is kept, if there is one
)

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
