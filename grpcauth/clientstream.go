package grpcauth

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/oidcrpc/oidcrpc/interceptor/client"
)

// clientStream is a client's stream, which begins again if its token is refused.
type clientStream struct {
	stream *client.Stream[clientAttempt]
	ctx    context.Context
}

func (s *clientStream) Header() (metadata.MD, error) {
	md, err := s.stream.Attempt().Header()
	if md != nil {
		s.stream.Settle()
	}
	return md, err
}

func (s *clientStream) Trailer() metadata.MD     { return s.stream.Attempt().Trailer() }
func (s *clientStream) Context() context.Context { return s.stream.Attempt().Context() }
func (s *clientStream) SendMsg(m any) error      { return s.stream.Send(m) }
func (s *clientStream) CloseSend() error         { return s.stream.CloseSend() }

func (s *clientStream) RecvMsg(m any) error {
	refusal, err := s.stream.Receive(s.ctx, m)
	if refusal != nil {
		return newRefusedError(err, refusal)
	}
	return err
}

// clientAttempt is grpc-go's stream, and the proof with which it was opened.
type clientAttempt struct {
	grpc.ClientStream

	desc  *grpc.StreamDesc
	proof *client.Proof
}

func (a clientAttempt) Send(m any) error    { return a.SendMsg(m) }
func (a clientAttempt) Receive(m any) error { return a.RecvMsg(m) }
func (clientAttempt) Close()                {} // grpc-go has ended it

func (a clientAttempt) Learn(isEnd bool) {
	if a.proof == nil {
		return
	}
	switch header, _ := a.Header(); {
	case isEnd || !a.desc.ServerStreams:
		a.proof.Learn(header.Get, a.Trailer().Get)
	default: // it's too early for the trailer
		a.proof.Learn(header.Get)
	}
}

func (a clientAttempt) refusal(err error) *client.Refusal {
	header, _ := a.Header()
	return readRefusal(err, header, a.Trailer(), a.proof)
}
