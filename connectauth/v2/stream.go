package connectauth

import (
	"sync/atomic"

	"connectrpc.com/connect/v2"

	"github.com/oidcrpc/oidcrpc/interceptor"
)

// unaryStream is an admitted unary call's stream.
type unaryStream struct {
	connect.ServerStream

	sent bool
}

func (s *unaryStream) Send(m any) error {
	s.sent = true
	return s.ServerStream.Send(m)
}

// serverStream is an admitted handler's stream.
type serverStream struct {
	connect.ServerStream

	stream   *interceptor.Stream
	received atomic.Bool
	sent     atomic.Bool
}

func (s *serverStream) Receive(m any) error {
	s.received.Store(true)
	refusal, err := s.stream.Receive(m)
	if refusal != nil {
		return newError(refusal)
	}
	return err
}

func (s *serverStream) SendHeaders() error {
	if refusal := s.stream.Check(); refusal != nil {
		return newError(refusal)
	}
	s.sent.Store(true)
	return s.ServerStream.SendHeaders()
}

func (s *serverStream) Send(m any) error {
	if refusal := s.stream.Check(); refusal != nil {
		return newError(refusal)
	}
	s.sent.Store(true)
	return s.ServerStream.Send(m)
}
