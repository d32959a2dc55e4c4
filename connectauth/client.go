package connectauth

import (
	"context"
	"net/http"

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
// The token replaces any Authorization header in the request, and stays there: make a new request
// for each call, since one that another client sends again takes the token there.
//
// The interceptor can't see whether the connection is secure, so give the client an https URL. On a
// handler it does nothing. It panics if tokens is nil.
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
		var proof *client.Proof
		attempt := func(c *client.Credential) (err error) {
			ctx, p := c.Prove(ctx)
			proof = p
			if err := setCredential(ctx, req.Header(), c, req.Spec()); err != nil {
				return err
			}
			if res, err = next(ctx, req); err == nil && p != nil {
				p.Learn(res.Header().Values, res.Trailer().Values)
			}
			return err
		}
		refusalOf := func(err error) *client.Refusal { return readRefusal(err, req.Spec(), proof) }
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
		credential, err := i.tokens.Credential(ctx)
		if err != nil {
			return &failedConn{StreamingClientConn: next(ctx, spec), err: newTokenError(err)}
		}
		first, err := open(ctx, next, spec, credential)
		if err != nil {
			return &failedConn{StreamingClientConn: first, err: err}
		}
		conn := &clientConn{ctx: ctx}
		begin := func(ctx context.Context, c *client.Credential) (clientAttempt, error) {
			again, err := open(ctx, next, spec, c)
			for name, values := range conn.RequestHeader() {
				switch name {
				case "Connect-Timeout-Ms", "Grpc-Timeout": // there's less time now
				case "Authorization", "Dpop":
				default:
					again.RequestHeader()[name] = values
				}
			}
			return again, err
		}
		conn.stream = client.NewStream(i.tokens, credential, first, begin, clientAttempt.refusal)
		return conn
	}
}

// open begins an attempt with a credential.
func open(
	ctx context.Context, next connect.StreamingClientFunc, spec connect.Spec, c *client.Credential,
) (clientAttempt, error) {
	ctx, proof := c.Prove(ctx)
	attempt := clientAttempt{next(ctx, spec), proof}
	return attempt, setCredential(ctx, attempt.RequestHeader(), c, spec)
}

// setCredential puts a credential into a request's header.
func setCredential(ctx context.Context, header http.Header, c *client.Credential, spec connect.Spec) error {
	header["Authorization"] = c.Header()
	if !c.NeedsProof() {
		return nil
	}
	proof, err := c.ProofFor(ctx, spec.Procedure)
	if err != nil {
		return newTokenError(err)
	}
	if proof != "" {
		header["Dpop"] = []string{proof}
	}
	return nil
}

func (i *clientInterceptor) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return next
}
