package verifier

import "time"

// A FetchEvent tells [Config].OnFetch of one fetch: of the issuer's metadata, if it is
// asked for them, and of its keys. It holds nothing secret.
type FetchEvent struct {
	Issuer   string
	Reason   FetchReason
	Outcome  FetchOutcome
	Duration time.Duration

	// Keys is how many keys the set lists, of any kind. It is 0 when the fetch failed.
	Keys int

	// Failures is how many fetches have failed in a row: up to this one when it
	// failed, and before it when it did not.
	Failures int

	// Err is a [*KeysError]: why the fetch failed or, when it did not, why the metadata
	// could not be used, so that their last good jwks_uri was. Its RetryAfter is set only
	// when the fetch failed.
	Err error
}

// A FetchReason says why keys were fetched.
type FetchReason string

// The reasons of a fetch.
const (
	FetchFirst      FetchReason = "first"       // there were none
	FetchRefresh    FetchReason = "refresh"     // they were due, or past their time
	FetchUnknownKid FetchReason = "unknown_kid" // a token named a key that was not among them
)

// A FetchOutcome says what came of a fetch.
type FetchOutcome string

// The outcomes of a fetch.
const (
	FetchChanged   FetchOutcome = "changed"   // the key set is another than before
	FetchUnchanged FetchOutcome = "unchanged" // the key set is the same
	FetchFailed    FetchOutcome = "failed"    // the key set from before is kept, if there is one
)

// reporter returns what hands a fetch of this configuration to those who asked.
func reporter(config Config) func(FetchEvent) {
	return func(event FetchEvent) {
		event.Issuer = config.Issuer
		if config.Logger != nil {
			logFetch(config.Logger, event)
		}
		if config.OnFetch != nil {
			config.OnFetch(event)
		}
	}
}
