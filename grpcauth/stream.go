package grpcauth

import (
	"context"

	"google.golang.org/grpc"

	"github.com/oidcrpc/oidcrpc/interceptor"
)

// serverStream is an admitted handler's stream.
type serverStream struct {
	grpc.ServerStream

	stream *interceptor.Stream
}

func (s *serverStream) Context() context.Context { return s.stream.Context() }

func (s *serverStream) RecvMsg(m any) error {
	refusal, err := s.stream.Receive(m)
	if refusal != nil {
		return newError(refusal)
	}
	return err
}

func (s *serverStream) SendMsg(m any) error {
	if refusal := s.stream.Check(); refusal != nil {
		return newError(refusal)
	}
	if err := s.ServerStream.SendMsg(m); err != nil {
		return s.causeOf(err)
	}
	return nil
}

// causeOf returns the refusal in place of an error that the stream's end has led to: it
// makes a send that waits return.
func (s *serverStream) causeOf(err error) error {
	if refusal := s.stream.Check(); refusal != nil {
		return newError(refusal)
	}
	return err
}
