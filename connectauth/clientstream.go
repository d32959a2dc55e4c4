package connectauth

import (
	"context"
	"net/http"

	"connectrpc.com/connect"

	"github.com/oidcrpc/oidcrpc/interceptor/client"
)

// clientConn is a client's stream, which begins again if its token is refused.
type clientConn struct {
	stream *client.Stream[clientAttempt]
	ctx    context.Context
}

func (c *clientConn) Spec() connect.Spec           { return c.stream.Attempt().Spec() }
func (c *clientConn) Peer() connect.Peer           { return c.stream.Attempt().Peer() }
func (c *clientConn) RequestHeader() http.Header   { return c.stream.Attempt().RequestHeader() }
func (c *clientConn) ResponseHeader() http.Header  { return c.stream.Settle().ResponseHeader() }
func (c *clientConn) ResponseTrailer() http.Header { return c.stream.Settle().ResponseTrailer() }
func (c *clientConn) Send(m any) error             { return c.stream.Send(m) }
func (c *clientConn) CloseRequest() error          { return c.stream.CloseSend() }
func (c *clientConn) CloseResponse() error         { return c.stream.Close().CloseResponse() }

func (c *clientConn) Receive(m any) error {
	refusal, err := c.stream.Receive(c.ctx, m)
	if refusal != nil {
		return newRefusedError(err, refusal)
	}
	return err
}

// clientAttempt is connect-go's stream, and the proof with which it was opened.
type clientAttempt struct {
	connect.StreamingClientConn

	proof *client.Proof
}

func (a clientAttempt) CloseSend() error { return a.CloseRequest() }

func (a clientAttempt) Close() {
	_ = a.CloseRequest()
	_ = a.CloseResponse()
}

func (a clientAttempt) Learn(isEnd bool) {
	switch {
	case a.proof == nil:
	case isEnd:
		a.proof.Learn(a.ResponseHeader().Values, a.ResponseTrailer().Values)
	default:
		a.proof.Learn(a.ResponseHeader().Values)
	}
}

func (a clientAttempt) refusal(err error) *client.Refusal { return readRefusal(err, a.Spec(), a.proof) }

// failedConn is a stream that wasn't opened, since it has no token.
type failedConn struct {
	connect.StreamingClientConn

	err error
}

func (c *failedConn) Send(any) error               { return c.err }
func (c *failedConn) Receive(any) error            { return c.err }
func (c *failedConn) CloseRequest() error          { return nil }
func (c *failedConn) CloseResponse() error         { return nil }
func (c *failedConn) ResponseHeader() http.Header  { return make(http.Header) }
func (c *failedConn) ResponseTrailer() http.Header { return make(http.Header) }
