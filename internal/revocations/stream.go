package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// A stream is a client's, and counts its messages.
type stream struct {
	id       int
	token    string
	received atomic.Int64

	done  chan struct{} // closed at its end
	ended time.Time
	err   error
}

func openStream(ctx context.Context, c conn, token string, id int) *stream {
	s := &stream{id: id, token: token, done: make(chan struct{})}
	go s.run(ctx, c)
	return s
}

// run receives messages, which are numbered. Opening a stream may wait for its first one.
func (s *stream) run(ctx context.Context, c conn) {
	defer close(s.done)
	receive, err := c.watch(ctx, s.token, s.id)
	for n := int64(1); ; n++ {
		var text string
		if err == nil {
			text, err = receive()
		}
		s.ended = time.Now()
		if err == nil && text != fmt.Sprint(n) {
			err = fmt.Errorf("message %d is %q", n, text)
		}
		if s.err = err; err != nil {
			return
		}
		s.received.Store(n)
	}
}
