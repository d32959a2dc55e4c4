package redisbus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// Receive delivers the events in the stream from the oldest on, and then each new one, in batches.
// An empty batch says that everything was delivered. It comes when Receive has caught up, then after
// each batch, and every second.
//
// Receive returns when ctx ends, or with an error when the client has given up.
func (b *Bus) Receive(ctx context.Context, received func(events [][]byte)) error {
	last, wait := start, noWait
	for {
		entries, err := b.read(ctx, last, wait)
		if err != nil {
			return err
		}
		if events := b.eventsIn(entries); len(events) > 0 {
			received(events)
		}
		isThere, err := b.holds(ctx, last)
		if err != nil {
			return err
		}
		if !isThere {
			b.rereads.Add(1)
			last, wait = start, noWait
			continue
		}
		if len(entries) > 0 {
			last = entries[len(entries)-1].ID
		}
		if len(entries) < maxBatch {
			received(nil)
			wait = heartbeat
		}
	}
}

const (
	start     = "0-0" // before every entry
	maxBatch  = 500
	heartbeat = time.Second
	noWait    = time.Duration(-1)
)

// read returns the entries after one. Unless there are any, it waits for the next.
func (b *Bus) read(ctx context.Context, after string, wait time.Duration) ([]redis.XMessage, error) {
	streams, err := await(ctx, func() ([]redis.XStream, error) {
		return b.client.XRead(ctx, &redis.XReadArgs{
			Streams: []string{b.config.Stream}, ID: after, Count: maxBatch, Block: wait,
		}).Result()
	})
	switch {
	case errors.Is(err, redis.Nil):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("redisbus: receive from %q: %w", b.config.Stream, err)
	case len(streams) != 1:
		return nil, fmt.Errorf("redisbus: receive from %q: the answer has %d streams", b.config.Stream, len(streams))
	}
	return streams[0].Messages, nil
}

func (b *Bus) eventsIn(entries []redis.XMessage) (events [][]byte) {
	for _, entry := range entries {
		event, ok := entry.Values[eventField].(string)
		if !ok || len(event) > maxEventBytes {
			b.skipped.Add(1)
			continue
		}
		events = append(events, []byte(event))
	}
	return events
}

// holds reports whether the stream still has the entry after which it was just read. If so, nothing
// was missed, since a stream only grows at its end. If not, its age may have removed it. But it
// may also be another stream: Redis has lost its data, or another server has taken over, with
// its clock behind. New entries could then stand before the last one, and a reader who asks for
// later ones would never see them.
func (b *Bus) holds(ctx context.Context, id string) (bool, error) {
	if id == start {
		return true, nil
	}
	entries, err := await(ctx, func() ([]redis.XMessage, error) {
		return b.client.XRange(ctx, b.config.Stream, id, id).Result()
	})
	if err != nil {
		return false, fmt.Errorf("redisbus: receive from %q: %w", b.config.Stream, err)
	}
	return len(entries) > 0, nil
}
