package redisreplays

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// A Config says under which keys proofs are remembered, and how long a call may wait. The zero value
// is a safe default.
type Config struct {
	// Prefix is how each key begins, the same for all replicas. The default is "oidcrpc:dpop:".
	// Services may share it, since a proof is for one service only.
	Prefix string

	// Timeout limits how long a call waits for Redis. The default is a second, the minimum 10
	// milliseconds, and the maximum a minute.
	Timeout time.Duration
}

const (
	defaultPrefix  = "oidcrpc:dpop:"
	defaultTimeout = time.Second
	minTimeout     = 10 * time.Millisecond
	maxTimeout     = time.Minute
)

// Replays remembers proofs. It implements dpop.Replays, is safe for concurrent use, and has nothing
// to close.
type Replays struct {
	client redis.UniversalClient
	config Config
}

// New returns Replays, or an error that names the invalid field. It starts no goroutine and doesn't
// ask Redis.
//
// The client stays yours, with its addresses, credentials, TLS and timeouts. Close it after the last
// call.
func New(client redis.UniversalClient, config Config) (*Replays, error) {
	config.Prefix = cmp.Or(config.Prefix, defaultPrefix)
	config.Timeout = cmp.Or(config.Timeout, defaultTimeout)
	switch {
	case client == nil:
		return nil, errors.New("redisreplays: the client is required")
	case 0 < config.Timeout && config.Timeout < time.Millisecond:
		return nil, fmt.Errorf("redisreplays: Config.Timeout is %v: a bare number counts nanoseconds, "+
			"so write %d*time.Second", config.Timeout, config.Timeout)
	case config.Timeout < minTimeout || config.Timeout > maxTimeout:
		return nil, fmt.Errorf("redisreplays: Config.Timeout must be between %v and %v", minTimeout, maxTimeout)
	}
	return &Replays{client: client, config: config}, nil
}

// Add remembers an id until then, by this host's clock. It returns false if the id is remembered
// already, and an error if Redis doesn't answer within [Config].Timeout or before ctx ends. After
// an error the id may be remembered.
func (r *Replays) Add(ctx context.Context, id string, until time.Time) (added bool, err error) {
	limited, cancel := context.WithTimeout(ctx, r.config.Timeout)
	defer cancel()
	type answer struct {
		added bool
		err   error
	}
	answers := make(chan answer, 1)
	go func() { // go-redis doesn't notice the end of ctx while it waits for Redis
		added, err := r.add(limited, r.config.Prefix+id, until)
		answers <- answer{added, err}
	}()
	select {
	case a := <-answers:
		added, err = a.added, a.err
	case <-limited.Done():
		err = limited.Err()
	}
	if err != nil {
		return false, fmt.Errorf("redisreplays: %w", err)
	}
	return added, nil
}

// add sets a key to a value that no other call has. If its answer is lost, go-redis asks again and
// finds the key of the first attempt, so the value tells whose it is.
func (r *Replays) add(ctx context.Context, key string, until time.Time) (bool, error) {
	mine := rand.Text()
	added, err := r.client.SetNX(ctx, key, mine, max(time.Until(until), minKept)).Result()
	if err != nil || added {
		return added, err
	}
	value, err := r.client.Get(ctx, key).Result()
	if errors.Is(err, redis.Nil) { // its time is just over
		return false, nil
	}
	return err == nil && value == mine, err
}

// minKept keeps go-redis from reading a time that is over as none at all.
const minKept = time.Second
