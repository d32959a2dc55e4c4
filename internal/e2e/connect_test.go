package e2e_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/grpc/codes"

	"github.com/oidcrpc/oidcrpc/connectauth"
	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connect"
	"github.com/oidcrpc/oidcrpc/interceptor"
)

// startConnect serves the greeting service by connect-go, with the interceptor alone
// and with the middleware before it.
func startConnect(t *testing.T, auth *interceptor.Authenticator) map[string]caller {
	t.Helper()
	_, handler := greetv1connect.NewGreetServiceHandler(connectService{},
		connect.WithInterceptors(connectauth.NewInterceptor(auth)))
	url := serveHTTP(t, handler)
	guarded := serveHTTP(t, connectauth.NewMiddleware(auth).Wrap(handler))
	return map[string]caller{
		"connect-go, Connect":     newConnectCaller(t, url),
		"connect-go, gRPC":        newConnectCaller(t, url, connect.WithGRPC()),
		"connect-go, gRPC-Web":    newConnectCaller(t, url, connect.WithGRPCWeb()),
		"connect-go + middleware": newConnectCaller(t, guarded),
	}
}

func serveHTTP(t *testing.T, handler http.Handler) (url string) {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Start()
	t.Cleanup(server.Close)
	return server.URL
}

type connectCaller struct {
	client greetv1connect.GreetServiceClient
}

func newConnectCaller(t *testing.T, url string, options ...connect.ClientOption) caller {
	t.Helper()
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(transport.CloseIdleConnections)
	return connectCaller{greetv1connect.NewGreetServiceClient(&http.Client{Transport: transport}, url, options...)}
}

func (c connectCaller) greet(ctx context.Context, token string) outcome {
	req := connect.NewRequest(&greetv1.GreetRequest{})
	setToken(req.Header(), token)
	res, err := c.client.Greet(ctx, req)
	if err != nil {
		return connectOutcome("", err)
	}
	return connectOutcome(res.Msg.GetGreeting(), nil)
}

func (c connectCaller) watch(ctx context.Context, token string) outcome {
	return c.receiveAll(ctx, token, &greetv1.WatchRequest{Count: 1})
}

func (c connectCaller) watchOn(ctx context.Context, token string) outcome {
	return c.receiveAll(ctx, token, &greetv1.WatchRequest{})
}

func (c connectCaller) receiveAll(ctx context.Context, token string, msg *greetv1.WatchRequest) outcome {
	req := connect.NewRequest(msg)
	setToken(req.Header(), token)
	stream, err := c.client.Watch(ctx, req)
	if err != nil {
		return connectOutcome("", err)
	}
	defer stream.Close()
	identity := ""
	if stream.Receive() {
		identity = stream.Msg().GetGreeting()
		stream.Receive()
	}
	return connectOutcome(identity, stream.Err())
}

func (c connectCaller) collect(ctx context.Context, token string) outcome {
	stream := c.client.Collect(ctx)
	setToken(stream.RequestHeader(), token)
	_ = stream.Send(&greetv1.CollectRequest{}) // CloseAndReceive tells more
	res, err := stream.CloseAndReceive()
	if err != nil {
		return connectOutcome("", err)
	}
	return connectOutcome(firstOf(res.Msg.GetNames()), nil)
}

func (c connectCaller) converse(ctx context.Context, token string) outcome {
	stream := c.client.Converse(ctx)
	defer stream.CloseResponse()
	setToken(stream.RequestHeader(), token)
	_ = stream.Send(&greetv1.ConverseRequest{}) // Receive tells more
	res, err := stream.Receive()
	_ = stream.CloseRequest()
	if err == nil {
		_, err = stream.Receive()
	}
	return connectOutcome(res.GetGreeting(), withoutEOF(err))
}

func setToken(header http.Header, token string) {
	header.Set("Authorization", "Bearer "+token)
}

// withoutEOF turns the proper end of a stream into success.
func withoutEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func firstOf(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return names[0]
}

func connectOutcome(identity string, err error) outcome {
	o := outcome{err: err, identity: identity}
	if err != nil {
		o.code = codes.Code(connect.CodeOf(err))
	}
	if connectErr, ok := errors.AsType[*connect.Error](err); ok {
		o.challenges = connectErr.Meta().Values("WWW-Authenticate")
		for _, detail := range connectErr.Details() {
			if message, err := detail.Value(); err == nil {
				o.addDetail(message)
			}
		}
	}
	return o
}
