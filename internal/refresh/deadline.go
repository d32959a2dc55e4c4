package refresh

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// patience is how long a function may take to notice the end of its context.
const patience = 500 * time.Millisecond

// CallWithDeadline calls f, which isn't our code, in a new goroutine and waits until ctx ends. A
// panic, a Goexit or ignoring ctx becomes an error. After an error f may still be running: don't
// touch what it writes.
func CallWithDeadline(ctx context.Context, f func()) error {
	done := make(chan error, 1)
	go func() {
		err := errors.New("it ended without a result")
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("panic: %.200v", p)
			}
			done <- err
		}()
		f()
		err = nil
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-done:
		return err
	case <-time.After(patience):
		return errors.New("it goes on past its deadline")
	}
}
