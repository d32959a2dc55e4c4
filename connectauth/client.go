package connectauth

import (
	"context"

	"connectrpc.com/connect"

	"github.com/oidcrpc/oidcrpc/interceptor/client"
)

// NewClientInterceptor returns an interceptor for clients whose calls send an access token:
//
//	greeter := greetv1connect.NewGreetServiceClient(http.DefaultClient, "https://api.example",
//		connect.WithInterceptors(connectauth.NewClientInterceptor(tokens)))
//
// A call that's refused for its token, though a new one can do, is sent once more, and so is a
// stream that has received nothing and has sent one message at most. The errors of other refused
// calls hold a [client.Refusal], and the errors of calls without a token a [client.TokenError].
// Find them, and the [connect.Error], with [errors.AsType].
//
// The token replaces any Authorization header in the request. The interceptor can't see whether
// the connection is secure, so give the client an https URL. On a handler it does nothing. It
// panics if tokens is nil.
func NewClientInterceptor(tokens *client.Source) connect.Interceptor {
	if tokens == nil {
		panic("connectauth: the Source is nil") //nolint:forbidigo // as for a nil Authenticator
	}
	return &clientInterceptor{tokens: tokens}
}

type clientInterceptor struct{ tokens *client.Source }

func (i *clientInterceptor) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		if !req.Spec().IsClient {
			return next(ctx, req)
		}
		credential, err := i.tokens.Credential(ctx)
		if err != nil {
			return nil, newTokenError(err)
		}
		var res connect.AnyResponse
		attempt := func(c *client.Credential) (err error) {
			req.Header()["Authorization"] = c.Header()
			res, err = next(ctx, req)
			return err
		}
		refusalOf := func(err error) *client.Refusal { return readRefusal(err, req.Spec()) }
		refusal, err := i.tokens.Call(ctx, credential, attempt, refusalOf)
		switch {
		case refusal != nil:
			return nil, newRefusedError(err, refusal)
		case err != nil:
			return nil, err
		default:
			return res, nil
		}
	}
}

func (i *clientInterceptor) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return func(ctx context.Context, spec connect.Spec) connect.StreamingClientConn {
		first := next(ctx, spec)
		credential, err := i.tokens.Credential(ctx)
		if err != nil {
			return &failedConn{StreamingClientConn: first, err: newTokenError(err)}
		}
		first.RequestHeader()["Authorization"] = credential.Header()
		conn := &clientConn{ctx: ctx}
		begin := func(ctx context.Context, c *client.Credential) (clientAttempt, error) {
			again := next(ctx, spec)
			for name, values := range conn.RequestHeader() {
				if name != "Connect-Timeout-Ms" && name != "Grpc-Timeout" { // there's less time now
					again.RequestHeader()[name] = values
				}
			}
			again.RequestHeader()["Authorization"] = c.Header()
			return clientAttempt{again}, nil
		}
		conn.stream = client.NewStream(i.tokens, credential, clientAttempt{first}, begin, clientAttempt.refusal)
		return conn
	}
}

func (i *clientInterceptor) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return next
}
