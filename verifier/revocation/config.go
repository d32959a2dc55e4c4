package revocation

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// A Config says how much a [List] keeps, and with whom it shares it. The zero value is a list for
// a single process.
type Config struct {
	// MaxEntries is how many revocations are held. The default is 100,000 and the maximum 10
	// million. An entry takes about 250 bytes, so 100,000 take 25 MB, and memory is used only as
	// they come. When the list is full, it forgets none of them: [List.Revoke] returns [ErrFull].
	MaxEntries int

	// Keep is the longest that a token may live, from its iat to its exp, and so how long a
	// revocation is kept. The default is 24 hours, the minimum a minute, and the maximum 366 days.
	//
	// A token that lives longer is refused, since its revocation would be forgotten before it
	// expires. For a token without iat, the time left until exp counts. If it was issued to live
	// longer than Keep, it's refused at first and gets in near its end, though it was revoked
	// before: set Keep to the longest life that the issuer gives. Claims without exp
	// ([verifier.ClaimsConfig].AllowNoExpiry) are exempt: withdraw such a credential where it's
	// kept, too.
	Keep time.Duration

	// Bus shares revocations with other replicas, if set. Start [List.Run] to receive theirs.
	Bus Bus

	// Stale says what becomes of calls while the list may have missed a revocation for longer than
	// MaxStaleness, because the bus is down. It must be chosen if Bus is set.
	Stale Staleness

	// MaxStaleness is how long the bus may be silent before the list counts as stale. The default
	// is 30 seconds, the minimum 5 seconds and the maximum 24 hours.
	MaxStaleness time.Duration

	// Logger, if set, gets a line when the list becomes full or has room again, when the bus is
	// lost or back, and at most once a minute when it delivers events that can't be read. The
	// lines hold nothing about callers.
	Logger *slog.Logger
}

// A Staleness says what becomes of calls while a list may have missed revocations.
type Staleness int

const (
	// Admit judges calls by the revocations that are known, so a revoked caller may get in.
	Admit Staleness = iota + 1

	// Refuse answers calls with a token with a [*verifier.KeysError] with
	// [verifier.CodeRevocationsStale], which callers see as Unavailable. That begins with the
	// process: no call gets in until the list has caught up with the bus. Open streams go on.
	Refuse
)

const (
	defaultMaxEntries   = 100_000
	maxMaxEntries       = 10_000_000
	defaultKeep         = 24 * time.Hour
	minKeep             = time.Minute
	maxKeep             = 366 * 24 * time.Hour
	defaultMaxStaleness = 30 * time.Second
	minMaxStaleness     = 5 * time.Second
	maxMaxStaleness     = 24 * time.Hour
)

func (c Config) withDefaults() Config {
	c.MaxEntries = cmp.Or(c.MaxEntries, defaultMaxEntries)
	c.Keep = cmp.Or(c.Keep, defaultKeep)
	if c.Bus != nil {
		c.MaxStaleness = cmp.Or(c.MaxStaleness, defaultMaxStaleness)
	}
	return c
}

// validate expects a Config with its defaults filled in.
func (c Config) validate() error {
	for _, field := range []struct {
		name  string
		value time.Duration
	}{{"Config.Keep", c.Keep}, {"Config.MaxStaleness", c.MaxStaleness}} {
		if 0 < field.value && field.value < time.Millisecond {
			return fmt.Errorf("%s is %v: a bare number counts nanoseconds, so write %d*time.Second",
				field.name, field.value, field.value)
		}
	}
	switch {
	case c.MaxEntries < 0 || c.MaxEntries > maxMaxEntries:
		return fmt.Errorf("Config.MaxEntries must be at most %d, and not negative", maxMaxEntries)
	case c.Keep < minKeep || c.Keep > maxKeep:
		return fmt.Errorf("Config.Keep must be between %v and %v", minKeep, maxKeep)
	}
	return c.validateBus()
}

func (c Config) validateBus() error {
	switch {
	case c.Bus == nil && c.Stale != 0:
		return errors.New("Config.Stale needs a Config.Bus: nothing else can be stale")
	case c.Bus == nil && c.MaxStaleness != 0:
		return errors.New("Config.MaxStaleness needs a Config.Bus: nothing else can be stale")
	case c.Bus == nil:
		return nil
	case c.Stale != Admit && c.Stale != Refuse:
		return errors.New("Config.Stale must be Admit or Refuse: choose what becomes of calls while the bus is down")
	case c.MaxStaleness < minMaxStaleness || c.MaxStaleness > maxMaxStaleness:
		return fmt.Errorf("Config.MaxStaleness must be between %v and %v", minMaxStaleness, maxMaxStaleness)
	}
	return nil
}
