package verifier

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// patience is what code that was given a context may take to notice its end.
const patience = 500 * time.Millisecond

// inTime runs code of others, in a goroutine of its own, until ctx ends. That it panics,
// ends its goroutine or does not listen to ctx is an error, and neither the end of the
// server nor a wait for ever. What it is still doing then must not be looked at.
func inTime(ctx context.Context, f func()) error {
	done := make(chan error, 1)
	go func() {
		err := errors.New("it ended without a result")
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("panic: %v", p)
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
