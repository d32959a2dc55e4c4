package wire_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/grpc/codes"

	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connect"
)

// connectClient is connect-go's.
type connectClient struct {
	greetv1connect.GreetServiceClient
}

// dialHTTP1 dials over HTTP/1.1, and dialHTTP2 over HTTP/2.
func dialHTTP1(options ...connect.ClientOption) dialer {
	return func(t *testing.T, s *server) client {
		t.Helper()
		return dialConnect(t, s, (*http.Protocols).SetHTTP1, options)
	}
}

func dialHTTP2(options ...connect.ClientOption) dialer {
	return func(t *testing.T, s *server) client {
		t.Helper()
		return dialConnect(t, s, (*http.Protocols).SetUnencryptedHTTP2, options)
	}
}

func dialConnect(
	t *testing.T, s *server, enable func(*http.Protocols, bool), options []connect.ClientOption,
) client {
	t.Helper()
	transport := &http.Transport{Protocols: new(http.Protocols)}
	enable(transport.Protocols, true)
	t.Cleanup(transport.CloseIdleConnections)
	httpClient := &http.Client{Transport: headRecorder{transport}}
	return connectClient{greetv1connect.NewGreetServiceClient(httpClient, "http://"+s.addr, options...)}
}

// A headRecorder keeps the head of a response for the call whose context asks for
// it: the client's API shows it merged with trailers.
type headRecorder struct{ next http.RoundTripper }

type headKey struct{}

type head struct {
	status int
	header http.Header
	closes bool
}

func (r headRecorder) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := r.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if recorded, ok := req.Context().Value(headKey{}).(*atomic.Pointer[head]); ok {
		recorded.Store(&head{status: res.StatusCode, header: res.Header.Clone(), closes: res.Close})
	}
	return res, nil
}

func (c connectClient) do(ctx context.Context, call call) answer {
	recorded := &atomic.Pointer[head]{}
	ctx = context.WithValue(ctx, headKey{}, recorded)
	messages, err := c.call(ctx, call)
	a := connectAnswer(recorded.Load(), err)
	a.messages = messages
	return a
}

func (c connectClient) call(ctx context.Context, call call) (messages int, err error) {
	requestHeader := http.Header{
		"Authorization": call.authorization, "Dpop": call.proofs, scriptHeader: {call.script},
	}
	switch call.kind {
	case serverStream:
		return c.watch(ctx, requestHeader)
	case clientStream:
		return 0, c.collect(ctx, requestHeader, call.hold)
	case bidiStream:
		return c.converse(ctx, requestHeader, call.hold)
	default:
		_, err := c.Greet(ctx, request(&greetv1.GreetRequest{}, requestHeader))
		return 0, err
	}
}

func (c connectClient) watch(ctx context.Context, requestHeader http.Header) (messages int, err error) {
	stream, err := c.Watch(ctx, request(&greetv1.WatchRequest{}, requestHeader))
	if err != nil {
		return 0, err
	}
	defer stream.Close()
	for stream.Receive() {
		messages++
	}
	return messages, stream.Err()
}

func (c connectClient) collect(ctx context.Context, requestHeader http.Header, hold bool) error {
	stream := c.Collect(ctx)
	addAll(stream.RequestHeader(), requestHeader)
	_ = stream.Send(&greetv1.CollectRequest{}) // the receive tells more
	if !hold {
		_, err := stream.CloseAndReceive()
		return err
	}
	conn, err := stream.Conn()
	if err != nil {
		return err
	}
	defer conn.CloseResponse()
	defer conn.CloseRequest()
	return conn.Receive(&greetv1.CollectResponse{})
}

func (c connectClient) converse(ctx context.Context, requestHeader http.Header, hold bool) (messages int, err error) {
	stream := c.Converse(ctx)
	addAll(stream.RequestHeader(), requestHeader)
	_ = stream.Send(&greetv1.ConverseRequest{})
	if !hold {
		_ = stream.CloseRequest()
	}
	defer stream.CloseResponse()
	defer stream.CloseRequest()
	for {
		_, err := stream.Receive()
		if errors.Is(err, io.EOF) {
			return messages, nil
		}
		if err != nil {
			return messages, err
		}
		messages++
	}
}

func request[T any](message *T, header http.Header) *connect.Request[T] {
	req := connect.NewRequest(message)
	addAll(req.Header(), header)
	return req
}

func addAll(dst, src http.Header) {
	for name, values := range src {
		dst[name] = append(dst[name], values...)
	}
}

func connectAnswer(recorded *head, err error) answer {
	var a answer
	if recorded != nil {
		a.status = recorded.status
		a.closes = recorded.closes
		a.inHeader = recorded.header.Values("WWW-Authenticate")
		a.inAll = a.inHeader
		a.nonceInHeader = recorded.header.Values("DPoP-Nonce")
		a.nonceInAll = a.nonceInHeader
	}
	if err == nil {
		return a
	}
	a.code = codes.Code(connect.CodeOf(err))
	a.message = err.Error()
	connectErr, ok := errors.AsType[*connect.Error](err)
	if !ok {
		return a
	}
	a.message = connectErr.Message()
	a.inAll = connectErr.Meta().Values("WWW-Authenticate")
	a.nonceInAll = connectErr.Meta().Values("DPoP-Nonce")
	for _, detail := range connectErr.Details() {
		message, _ := detail.Value() // nil is an unknown detail
		a.details = append(a.details, message)
	}
	return a
}
