package connectauth

import (
	"context"
	"slices"

	"connectrpc.com/connect/v2"

	"github.com/oidcrpc/oidcrpc/interceptor/client"
)

// NewClientInterceptor returns an interceptor for clients whose calls send an access token:
//
//	greeter := greetv1connect.NewGreetServiceClient(
//		connect.NewClient(transport, connectauth.NewClientInterceptor(tokens)))
//
// A call that's refused for its token, though a new one can do, is sent once more, and so is a
// stream that has received nothing and has sent one message at most. The errors of other refused
// calls hold a [client.Refusal], and the errors of calls without a token a [client.TokenError].
// Find them, and the [connect.Error], with [errors.AsType].
//
// The token replaces any Authorization header in the request. The interceptor can't see whether
// the connection is secure, so give the transport an https URL. It panics if tokens is nil.
func NewClientInterceptor(tokens *client.Source) connect.ClientInterceptor {
	if tokens == nil {
		panic("connectauth: the Source is nil") //nolint:forbidigo // as for a nil Authenticator
	}
	return func(next connect.ClientFunc) connect.ClientFunc {
		return func(ctx context.Context, spec connect.Spec) (connect.ClientStream, error) {
			info, ok := connect.CallInfoForClientContext(ctx)
			if !ok {
				return nil, connect.NewError(connect.CodeInternal, "the context of the call has no CallInfo")
			}
			credential, err := tokens.Credential(ctx)
			if err != nil {
				return nil, newTokenError(err)
			}
			first, err := open(ctx, next, spec, info, credential)
			if err != nil {
				return nil, err
			}
			begin := func(ctx context.Context, c *client.Credential) (clientAttempt, error) {
				forget(info.ResponseHeader())
				forget(info.ResponseTrailer())
				return open(ctx, next, spec, info, c)
			}
			refusal := func(a clientAttempt, err error) *client.Refusal { return readRefusal(err, spec, info, a.proof) }
			return &clientStream{
				stream: client.NewStream(tokens, credential, first, begin, refusal),
				ctx:    ctx,
			}, nil
		}
	}
}

// open begins an attempt with a credential.
func open(
	ctx context.Context, next connect.ClientFunc, spec connect.Spec, info *connect.CallInfo, c *client.Credential,
) (clientAttempt, error) {
	ctx, proof := c.Prove(ctx)
	header := info.RequestHeader()
	loan := &loan{header: header, own: slices.Clone(header.Values("Authorization"))}
	if err := setCredential(ctx, header, c, spec); err != nil {
		loan.end()
		return clientAttempt{}, err
	}
	stream, err := next(ctx, spec)
	if err != nil {
		loan.end()
	}
	return clientAttempt{stream, spec, info, proof, loan}, err
}

// setCredential puts a credential into a request's header.
func setCredential(ctx context.Context, header *connect.Header, c *client.Credential, spec connect.Spec) error {
	header.SetValues("Authorization", c.Header())
	if !c.NeedsProof() {
		return nil
	}
	proof, err := c.ProofFor(ctx, spec.Procedure)
	if err != nil {
		return newTokenError(err)
	}
	if proof != "" {
		header.Set("DPoP", proof)
	}
	return nil
}

// forget removes what an attempt before has left.
func forget(header *connect.Header) {
	for name := range header.All() {
		header.Delete(name)
	}
}
