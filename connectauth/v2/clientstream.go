package connectauth

import (
	"context"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"

	"github.com/oidcrpc/oidcrpc/interceptor/client"
)

// clientStream is a client's call of any kind, which begins again if its token is refused.
type clientStream struct {
	stream *client.Stream[clientAttempt]
	ctx    context.Context
}

func (s *clientStream) SendHeaders() error { return s.stream.Send(nil) }
func (s *clientStream) Send(m any) error   { return s.stream.Send(m) }
func (s *clientStream) CloseSend() error   { return s.stream.CloseSend() }
func (s *clientStream) Close() error       { return s.stream.Close().ClientStream.Close() }

func (s *clientStream) Receive(m any) error {
	refusal, err := s.stream.Receive(s.ctx, m)
	if refusal != nil {
		return newRefusedError(err, refusal)
	}
	return err
}

// clientAttempt is connect-go's stream, and the proof with which it was opened.
type clientAttempt struct {
	connect.ClientStream

	spec  connect.Spec
	info  *connect.CallInfo
	proof *client.Proof
}

func (a clientAttempt) Send(m any) error {
	if m == nil {
		return a.SendHeaders()
	}
	return a.ClientStream.Send(m)
}

func (a clientAttempt) Close() { _ = a.ClientStream.Close() }

func (a clientAttempt) Learn(isEnd bool) {
	if a.proof == nil {
		return
	}
	_, overHTTP := a.info.TransportInfo.(*connecthttp.ClientInfo)
	switch {
	case isEnd || a.spec.StreamType == connect.StreamTypeUnary:
		a.proof.Learn(a.info.ResponseHeader().Values, a.info.ResponseTrailer().Values)
	case overHTTP: // in process, a stream's header is written at its end, while we'd read it
		a.proof.Learn(a.info.ResponseHeader().Values)
	}
}
