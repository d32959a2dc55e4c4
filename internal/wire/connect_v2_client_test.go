package wire_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"connectrpc.com/connect/v2/connectinprocess"
	"connectrpc.com/connect/v2/connectproto"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	greetv1connect "github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connectv2"
)

// connectV2Client is connect-go v2's. It doesn't use the generated code, which closes
// the client's side of a stream before it receives.
type connectV2Client struct{ client *connect.Client }

// dialConnectV2 dials over HTTP/2, and dialInProcess calls the server without a network.
func dialConnectV2(options ...connecthttp.Option) dialer {
	return func(t *testing.T, s *server) client {
		t.Helper()
		transport := &http.Transport{Protocols: new(http.Protocols)}
		transport.Protocols.SetUnencryptedHTTP2(true)
		t.Cleanup(transport.CloseIdleConnections)
		httpClient := &http.Client{Transport: headRecorder{transport}}
		return connectV2Client{connect.NewClient(connecthttp.NewTransport(httpClient, "http://"+s.addr, options...))}
	}
}

func dialInProcess(_ *testing.T, s *server) client {
	return connectV2Client{connect.NewClient(connectinprocess.New(s.v2))}
}

func (c connectV2Client) do(ctx context.Context, call call) answer {
	recorded := &atomic.Pointer[head]{}
	ctx, info := connect.NewClientContext(context.WithValue(ctx, headKey{}, recorded))
	info.RequestHeader().SetValues("Authorization", call.authorization)
	info.RequestHeader().SetValues("Dpop", call.proofs)
	info.RequestHeader().Set(scriptHeader, call.script)
	messages, err := c.call(ctx, call)
	a := connectV2Answer(recorded.Load(), info, err)
	a.messages = messages
	return a
}

func (c connectV2Client) call(ctx context.Context, call call) (messages int, err error) {
	switch call.kind {
	case serverStream:
		spec := connect.Spec{StreamType: connect.StreamTypeServer, Procedure: greetv1connect.GreetServiceWatchProcedure}
		stream, err := c.client.CallServerStream(ctx, spec, &greetv1.WatchRequest{})
		if err != nil {
			return 0, err
		}
		defer stream.Close()
		return receiveAll(stream, &greetv1.WatchResponse{})
	case clientStream:
		spec := connect.Spec{StreamType: connect.StreamTypeClient, Procedure: greetv1connect.GreetServiceCollectProcedure}
		return c.stream(ctx, spec, call.hold, &greetv1.CollectRequest{}, &greetv1.CollectResponse{})
	case bidiStream:
		spec := connect.Spec{StreamType: connect.StreamTypeBidi, Procedure: greetv1connect.GreetServiceConverseProcedure}
		return c.stream(ctx, spec, call.hold, &greetv1.ConverseRequest{}, &greetv1.ConverseResponse{})
	default:
		spec := connect.Spec{Procedure: greetv1connect.GreetServiceGreetProcedure}
		return 0, c.client.CallUnary(ctx, spec, &greetv1.GreetRequest{}, &greetv1.GreetResponse{})
	}
}

// stream sends on its own: in process a send waits for the server to receive.
func (c connectV2Client) stream(
	ctx context.Context, spec connect.Spec, hold bool, req, res proto.Message,
) (messages int, err error) {
	stream, err := c.client.CallClientStream(ctx, spec)
	if err != nil {
		return 0, err
	}
	var sent sync.WaitGroup
	defer sent.Wait()
	defer stream.Close()
	sent.Go(func() {
		_ = stream.Send(req) // the receive tells more
		if !hold {
			_ = stream.CloseSend()
		}
	})
	return receiveAll(stream, res)
}

func receiveAll(stream connect.ClientStream, res proto.Message) (messages int, err error) {
	for {
		err := stream.Receive(res)
		if errors.Is(err, io.EOF) {
			return messages, nil
		}
		if err != nil {
			return messages, err
		}
		messages++
	}
}

func connectV2Answer(recorded *head, info *connect.CallInfo, err error) answer {
	var a answer
	if recorded != nil {
		a.status = recorded.status
		a.closes = recorded.closes
	}
	a.inHeader = info.ResponseHeader().Values("WWW-Authenticate")
	a.inAll = append(a.inAll, a.inHeader...)
	a.inAll = append(a.inAll, info.ResponseTrailer().Values("WWW-Authenticate")...)
	a.nonceInHeader = info.ResponseHeader().Values("DPoP-Nonce")
	a.nonceInAll = append(a.nonceInAll, a.nonceInHeader...)
	a.nonceInAll = append(a.nonceInAll, info.ResponseTrailer().Values("DPoP-Nonce")...)
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
	for _, detail := range connectErr.Details() {
		message, _ := connectproto.UnmarshalErrorDetail(detail) // nil is an unknown detail
		a.details = append(a.details, message)
	}
	return a
}
