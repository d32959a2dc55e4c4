package greet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/interceptor"
)

// greeting names the caller, by its claims.
func greeting(ctx context.Context, name string) string {
	caller := "a stranger"
	if claims, ok := interceptor.ClaimsFromContext(ctx); ok {
		caller = claims.Subject()
	}
	return fmt.Sprintf("Hello, %s, from %s!", name, caller)
}

// watch greets as often as asked, or every second until the call ends.
func watch(ctx context.Context, req *greetv1.WatchRequest, send func(*greetv1.WatchResponse) error) error {
	for sent := int32(1); ; sent++ {
		if err := send(&greetv1.WatchResponse{Greeting: greeting(ctx, req.GetName())}); err != nil {
			return err
		}
		if sent == req.GetCount() {
			return nil
		}
		if req.GetCount() > 0 {
			continue
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return nil
		}
	}
}

// converse answers each name with a greeting.
func converse(
	ctx context.Context,
	receive func() (*greetv1.ConverseRequest, error),
	send func(*greetv1.ConverseResponse) error,
) error {
	for {
		req, err := receive()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := send(&greetv1.ConverseResponse{Greeting: greeting(ctx, req.GetName())}); err != nil {
			return err
		}
	}
}
