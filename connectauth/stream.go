package connectauth

import (
	"sync/atomic"

	"connectrpc.com/connect"

	"github.com/oidcrpc/oidcrpc/interceptor"
)

// handlerConn is an admitted handler's stream.
type handlerConn struct {
	connect.StreamingHandlerConn

	stream *interceptor.Stream
	sent   atomic.Bool
}

func (c *handlerConn) Receive(m any) error {
	refusal, err := c.stream.Receive(m)
	if refusal != nil {
		return newError(refusal)
	}
	return err
}

func (c *handlerConn) Send(m any) error {
	if refusal := c.stream.Check(); refusal != nil {
		return newError(refusal)
	}
	c.sent.Store(true) // even for Send(nil): the headers leave with it
	return c.StreamingHandlerConn.Send(m)
}
