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
	return s.ServerStream.SendMsg(m)
}
