package redisbus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// A Config says which stream carries the events, and how much it keeps. All replicas need the same
// values. The zero value is a safe default.
type Config struct {
	// Stream is the stream's key. The default is "oidcrpc:revocations". Services that share a Redis
	// but not their revocations need different keys.
	Stream string

	// Keep must be at least the lists' Keep. An event stays in the stream 10 minutes longer, for
	// replicas that start late, and then a Publish removes it. The default is 24 hours, the
	// minimum a minute, and the maximum 366 days, as for a list.
	Keep time.Duration

	// MaxEvents is how many events the stream may hold. If all must still be kept, Publish adds
	// none and returns [ErrFull]. The default is 100,000 and the maximum 10 million. Redis
	// needs about 200 bytes for each.
	MaxEvents int
}

const (
	defaultStream    = "oidcrpc:revocations"
	defaultKeep      = 24 * time.Hour
	minKeep          = time.Minute
	maxKeep          = 366 * 24 * time.Hour
	defaultMaxEvents = 100_000
	maxMaxEvents     = 10_000_000
)

func (c Config) withDefaults() Config {
	c.Stream = cmp.Or(c.Stream, defaultStream)
	c.Keep = cmp.Or(c.Keep, defaultKeep)
	c.MaxEvents = cmp.Or(c.MaxEvents, defaultMaxEvents)
	return c
}

// validate expects a Config with its defaults filled in.
func (c Config) validate() error {
	switch {
	case 0 < c.Keep && c.Keep < time.Millisecond:
		return fmt.Errorf("Config.Keep is %v: a bare number counts nanoseconds, so write %d*time.Hour", c.Keep, c.Keep)
	case c.Keep < minKeep || c.Keep > maxKeep:
		return fmt.Errorf("Config.Keep must be between %v and %v", minKeep, maxKeep)
	case c.MaxEvents < 0 || c.MaxEvents > maxMaxEvents:
		return fmt.Errorf("Config.MaxEvents must be at most %d, and not negative", maxMaxEvents)
	}
	return nil
}

// A Bus carries revocations over one stream. It implements revocation.Bus, is safe for concurrent
// use, and has nothing to close.
type Bus struct {
	client           redis.UniversalClient
	config           Config
	skipped, rereads atomic.Uint64
}

// New returns a Bus, or an error that names the invalid field. It starts no goroutine and doesn't
// ask Redis.
//
// The client stays yours, with its addresses, credentials, TLS and timeouts. Close it after the last
// call. It must read from the primary, so don't set ReadOnly, RouteByLatency or the like. A
// list that receives takes up one of its connections.
func New(client redis.UniversalClient, config Config) (*Bus, error) {
	config = config.withDefaults()
	if client == nil {
		return nil, errors.New("redisbus: the client is required")
	}
	if err := config.validate(); err != nil {
		return nil, fmt.Errorf("redisbus: %w", err)
	}
	return &Bus{client: client, config: config}, nil
}

// A Status counts, since New, what the list's own status doesn't show.
type Status struct {
	// Skipped counts entries without the field "event", or with one longer than 32 KiB. Another
	// program writes to the stream.
	Skipped uint64

	// Rereads counts how often a stream was read again from its start, because its last known
	// entry is gone. After a quiet time longer than Keep that's normal. Otherwise Redis has lost
	// data.
	Rereads uint64
}

// Status returns the counts, and asks Redis nothing.
func (b *Bus) Status() Status {
	return Status{Skipped: b.skipped.Load(), Rereads: b.rereads.Load()}
}

const (
	eventField    = "event" // the only field of an entry that counts
	maxEventBytes = 32 << 10
)

// await returns what command does, or ctx's error when ctx ends. A command of go-redis doesn't
// notice that while it waits for Redis, so it may go on until the client's timeouts.
func await[T any](ctx context.Context, command func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := command()
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}
