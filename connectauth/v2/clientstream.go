package connectauth

import (
	"context"
	"sync"

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

func (s *clientStream) Close() error {
	attempt := s.stream.Close()
	if attempt.isUnary() {
		attempt.loan.end()
	}
	return attempt.ClientStream.Close()
}

func (s *clientStream) Receive(m any) error {
	refusal, err := s.stream.Receive(s.ctx, m)
	if refusal != nil {
		return newRefusedError(err, refusal)
	}
	return err
}

// clientAttempt is connect-go's stream, and the proof with which it was opened. It reads the
// request's header when it first sends. In process a unary call does so when it receives, and so
// does a client stream without messages.
type clientAttempt struct {
	connect.ClientStream

	spec  connect.Spec
	info  *connect.CallInfo
	proof *client.Proof
	loan  *loan
}

func (a clientAttempt) isUnary() bool { return a.spec.StreamType == connect.StreamTypeUnary }

func (a clientAttempt) isOverHTTP() bool {
	_, ok := a.info.TransportInfo.(*connecthttp.ClientInfo)
	return ok
}

func (a clientAttempt) Send(m any) error {
	if !a.isUnary() {
		defer a.loan.end()
	}
	if m == nil {
		return a.SendHeaders()
	}
	return a.ClientStream.Send(m)
}

func (a clientAttempt) CloseSend() error {
	if !a.isUnary() && a.isOverHTTP() {
		defer a.loan.end()
	}
	return a.ClientStream.CloseSend()
}

func (a clientAttempt) Receive(m any) error {
	if a.isUnary() || a.spec.StreamType == connect.StreamTypeClient { // nothing is being sent
		defer a.loan.end()
	}
	return a.ClientStream.Receive(m)
}

func (a clientAttempt) Close() { _ = a.ClientStream.Close() }

func (a clientAttempt) Learn(isEnd bool) {
	if a.proof == nil {
		return
	}
	switch {
	case isEnd || a.isUnary():
		a.proof.Learn(a.info.ResponseHeader().Values, a.info.ResponseTrailer().Values)
	case a.isOverHTTP(): // in process, a stream's header is written at its end, while we'd read it
		a.proof.Learn(a.info.ResponseHeader().Values)
	}
}

// A loan is a credential in a header that is the user's: another call, to another server, may use
// the same one.
type loan struct {
	once   sync.Once
	header *connect.Header
	own    []string // the user's Authorization
}

// end puts back what was there before.
func (l *loan) end() {
	l.once.Do(func() {
		l.header.Delete("DPoP")
		l.header.Delete("Authorization")
		if len(l.own) > 0 {
			l.header.SetValues("Authorization", l.own)
		}
	})
}
