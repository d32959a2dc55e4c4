package revocation

import "context"

// A Bus carries revocations between the replicas of a service, such as over Redis Streams or NATS
// JetStream. It must keep each event for at least [Config].Keep and 10 minutes. A writer to it
// can have any caller refused, but can let none in.
//
// Events are opaque, and at most 32 KiB long. Delivering one twice, late or out of order does no
// harm.
type Bus interface {
	// Publish stores an event, and returns once it's safe. An error means that it may be lost.
	// It must be safe for concurrent use.
	Publish(ctx context.Context, event []byte) error

	// Receive first delivers every event that the bus has kept, and then each that follows, our
	// own ones too. It calls received with a batch at a time, and never concurrently. It may reuse
	// the batch afterwards.
	//
	// An empty batch says that everything on the bus has been delivered. Receive must say so
	// whenever it has caught up, and then at least every 2 seconds, also while events keep coming.
	// It must not say so unless the bus has just answered.
	//
	// Receive returns when ctx ends, or with an error when the bus fails. [List.Run] then calls it
	// again, and it starts from the beginning.
	Receive(ctx context.Context, received func(events [][]byte)) error
}
