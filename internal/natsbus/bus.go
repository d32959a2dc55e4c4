// Package natsbus carries revocations over NATS JetStream. It's an example to copy, and the
// documentation quotes it.
package natsbus

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Settings make a stream for lists with the default Keep. It keeps an event as long as they do, and
// a full one removes none for another.
var Settings = jetstream.StreamConfig{
	Name: "revocations", Subjects: []string{"revocations"}, Discard: jetstream.DiscardNew,
	MaxAge: 24*time.Hour + 10*time.Minute, MaxMsgs: 100_000, MaxMsgSize: 32 << 10,
}

// A Bus carries revocations over this stream. It implements revocation.Bus.
type Bus struct{ JetStream jetstream.JetStream }

// Publish returns nil once the stream has the event.
func (b Bus) Publish(ctx context.Context, event []byte) error {
	_, err := b.JetStream.Publish(ctx, "revocations", event)
	return err
}

// Receive delivers the events from the oldest on. While none comes, it asks for the stream's state
// each second, since silence can also mean a dead server.
func (b Bus) Receive(ctx context.Context, received func(events [][]byte)) error {
	consumer, err := b.JetStream.OrderedConsumer(ctx, "revocations",
		jetstream.OrderedConsumerConfig{MaxResetAttempts: 1})
	if err != nil {
		return err
	}
	messages, err := consumer.Messages()
	if err != nil {
		return err
	}
	defer messages.Stop()
	for last := uint64(0); ; {
		second, cancel := context.WithTimeout(ctx, time.Second)
		message, err := messages.Next(jetstream.NextContext(second))
		cancel()
		if errors.Is(err, context.DeadlineExceeded) {
			state, err := b.state(ctx)
			switch {
			case err != nil:
				return err
			case state.LastSeq < last:
				return errors.New("natsbus: it's another stream")
			case state.LastSeq == last || state.Msgs == 0:
				received(nil)
			}
			continue
		}
		if err != nil {
			return err
		}
		metadata, err := message.Metadata()
		if err != nil {
			return err
		}
		received([][]byte{message.Data()})
		if last = metadata.Sequence.Stream; metadata.NumPending == 0 {
			received(nil)
		}
	}
}

func (b Bus) state(ctx context.Context) (jetstream.StreamState, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	stream, err := b.JetStream.Stream(ctx, "revocations")
	if err != nil {
		return jetstream.StreamState{}, err
	}
	return stream.CachedInfo().State, nil
}
