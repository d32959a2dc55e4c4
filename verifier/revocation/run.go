package revocation

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// Run receives revocations from [Config].Bus until ctx ends, and returns ctx.Err(). Call it once,
// in a goroutine that you start and end:
//
//	go list.Run(ctx)
//
// When the bus fails, Run asks it again after a while: about half a second at first, and at most 5
// seconds. Then the bus delivers all that it has kept, so nothing is missed. Run returns an error
// at once if there's no bus.
func (l *List) Run(ctx context.Context) error {
	if l.config.Bus == nil {
		return errors.New("revocation: Run needs a Config.Bus")
	}
	for {
		err := l.config.Bus.Receive(ctx, l.receive)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil {
			err = errors.New("the bus stopped receiving before its context ended")
		}
		select {
		case <-time.After(backoff(l.reception.fail(err, l.config.Logger))):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

const (
	minBackoff = 500 * time.Millisecond
	maxBackoff = 5 * time.Second
)

// backoff is spread, so that replicas which lost the bus together don't return together.
func backoff(failures int) time.Duration {
	wait := min(minBackoff<<min(failures-1, 10), maxBackoff)
	return wait/2 + rand.N(wait/2)
}

// receive applies a batch from the bus. An empty one says that there's nothing more.
func (l *List) receive(events [][]byte) {
	for _, data := range events {
		now := time.Now()
		e, at, err := decode(data)
		if err == nil {
			err = validateReceived(e, at, now)
		}
		if err != nil {
			l.reception.skip(err, l.config.Logger)
			continue
		}
		l.apply(e, at, now)
	}
	if len(events) == 0 {
		l.freshness.confirm()
		l.reception.succeed(l.config.Logger)
	}
}

// validateReceived allows for another replica's clock.
func validateReceived(e Event, at, now time.Time) error {
	if at.After(now.Add(2 * maxAhead)) {
		return errors.New("it was revoked in the future")
	}
	return e.validate(now, 2*maxAhead)
}
