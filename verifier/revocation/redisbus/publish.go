package redisbus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// ErrFull means that the stream holds [Config].MaxEvents, all of which must still be kept.
var ErrFull = errors.New("the stream is full: Config.MaxEvents limits it")

// Publish adds an event to the stream, and returns nil once Redis has it. The error is [ErrFull],
// ctx's or the client's, wrapped. After the latter two, the event may be in the stream all the same.
// Publish returns when ctx ends, whatever timeouts the client has.
func (b *Bus) Publish(ctx context.Context, event []byte) error {
	if len(event) > maxEventBytes {
		return fmt.Errorf("redisbus: the event has %d bytes, more than %d", len(event), maxEventBytes)
	}
	keep := int64((b.config.Keep + keepLonger) / time.Second)
	_, err := await(ctx, func() (string, error) {
		return add.Run(ctx, b.client, []string{b.config.Stream}, event, keep, b.config.MaxEvents).Text()
	})
	if errors.Is(err, redis.Nil) {
		err = ErrFull
	}
	if err != nil {
		return fmt.Errorf("redisbus: publish to %q: %w", b.config.Stream, err)
	}
	return nil
}

// keepLonger is what a list adds to its Keep, since clocks differ.
const keepLonger = 10 * time.Minute

// add removes old entries and adds one, unless the stream is full. Redis's own clock decides, which
// also makes the IDs. The first XTRIM is fast and leaves some old entries. The second is exact,
// and runs only when they're in the way.
var add = redis.NewScript(`
local stream, event, keep, max = KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local oldest = string.format('%.0f', (redis.call('TIME')[1] - keep) * 1000)
redis.call('XTRIM', stream, 'MINID', '~', oldest)
if redis.call('XLEN', stream) >= max then
	redis.call('XTRIM', stream, 'MINID', oldest)
end
if redis.call('XLEN', stream) >= max then
	return false
end
return redis.call('XADD', stream, '*', '` + eventField + `', event)
`)
