package grpcauth

import (
	"context"
	"strconv"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/oidcrpc/oidcrpc/interceptor/client"
)

// ClientOptions returns the options of a client whose calls send an access token, followed by
// yours:
//
//	conn, err := grpc.NewClient(target, grpcauth.ClientOptions(tokens, grpc.WithTransportCredentials(creds))...)
//
// A call that's refused for its token, though a new one can do, is sent once more, and so is a
// stream that has received nothing and has sent one message at most. The errors of other refused
// calls hold a [client.Refusal], and the errors of calls without a token a [client.TokenError].
// Find them with [errors.AsType]. [status.FromError] works as ever.
//
// No token is sent over a connection without transport security: [grpc.NewClient] returns an
// error. It panics if tokens is nil.
func ClientOptions(tokens *client.Source, options ...grpc.DialOption) []grpc.DialOption {
	return clientOptions(tokens, true, options)
}

// PlaintextClientOptions is like [ClientOptions], but also sends tokens over connections without
// transport security, where everyone on the way can read and use them.
func PlaintextClientOptions(tokens *client.Source, options ...grpc.DialOption) []grpc.DialOption {
	return clientOptions(tokens, false, options)
}

func clientOptions(tokens *client.Source, secure bool, options []grpc.DialOption) []grpc.DialOption {
	if tokens == nil {
		panic("grpcauth: the Source is nil") //nolint:forbidigo // as for a nil Authenticator
	}
	return append([]grpc.DialOption{
		grpc.WithPerRPCCredentials(&perRPCCredentials{tokens: tokens, secure: secure}),
		grpc.WithChainUnaryInterceptor(callUnary(tokens)),
		grpc.WithChainStreamInterceptor(callStream(tokens)),
	}, options...)
}

// perRPCCredentials brings the token into each attempt, also when grpc-go itself tries again.
type perRPCCredentials struct {
	tokens *client.Source
	secure bool
}

func (c *perRPCCredentials) GetRequestMetadata(ctx context.Context, uri ...string) (map[string]string, error) {
	if c.secure {
		info, _ := credentials.RequestInfoFromContext(ctx)
		if err := credentials.CheckSecurityLevel(info.AuthInfo, credentials.PrivacyAndIntegrity); err != nil {
			return nil, status.Error(codes.Unauthenticated, "the connection is not secure enough for a token")
		}
	}
	credential, ok := ctx.Value(credentialKey{c.tokens}).(*client.Credential)
	if !ok {
		var err error
		if credential, err = c.tokens.Credential(ctx); err != nil {
			return nil, newTokenError(err)
		}
	}
	if !credential.NeedsProof() {
		return credential.Metadata(), nil
	}
	info, _ := credentials.RequestInfoFromContext(ctx)
	md, err := credential.MetadataFor(ctx, originOf(info, uri), info.Method)
	if err != nil {
		return nil, newTokenError(err)
	}
	return md, nil
}

// originOf returns the origin that a call's :scheme and :authority name. In uri, grpc-go names the
// service in place of the method, and https in any case.
func originOf(info credentials.RequestInfo, uri []string) string {
	if len(uri) == 0 {
		return ""
	}
	origin, service := uri[0], info.Method[:max(0, strings.LastIndexByte(info.Method, '/'))]
	origin = strings.TrimSuffix(origin, service)
	if credentials.CheckSecurityLevel(info.AuthInfo, credentials.PrivacyAndIntegrity) != nil {
		origin = strings.Replace(origin, "https:", "http:", 1)
	}
	return origin
}

// credentialKey is the key of what a later attempt sends. An interceptor may use the attempt's context
// to call another server, which gets another Source's token.
type credentialKey struct{ tokens *client.Source }

func (c *perRPCCredentials) RequireTransportSecurity() bool { return c.secure }

func callUnary(tokens *client.Source) grpc.UnaryClientInterceptor {
	return func(
		ctx context.Context, method string, req, res any, cc *grpc.ClientConn,
		invoker grpc.UnaryInvoker, opts ...grpc.CallOption,
	) error {
		credential, err := tokens.Credential(ctx)
		if err != nil {
			return newTokenError(err)
		}
		var response struct {
			header, trailer metadata.MD
			options         [4]grpc.CallOption // one allocation for all of it
			proof           *client.Proof
			attempts        int
		}
		opts = append(response.options[:0], opts...)
		opts = append(opts, grpc.Header(&response.header), grpc.Trailer(&response.trailer))
		attempt := func(c *client.Credential) error {
			ctx, proof := c.Prove(laterAttempt(ctx, tokens, c, response.attempts))
			response.attempts++
			response.proof = proof
			err := invoker(ctx, method, req, res, cc, opts...)
			if err == nil {
				proof.Learn(response.header.Get, response.trailer.Get)
			}
			return err
		}
		refusalOf := func(err error) *client.Refusal {
			return readRefusal(err, response.header, response.trailer, response.proof)
		}
		refusal, err := tokens.Call(ctx, credential, attempt, refusalOf)
		if refusal != nil {
			return newRefusedError(err, refusal)
		}
		return err
	}
}

func callStream(tokens *client.Source) grpc.StreamClientInterceptor {
	return func(
		ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string,
		streamer grpc.Streamer, opts ...grpc.CallOption,
	) (grpc.ClientStream, error) {
		credential, err := tokens.Credential(ctx)
		if err != nil {
			return nil, newTokenError(err)
		}
		attempts := 0
		begin := func(ctx context.Context, c *client.Credential) (clientAttempt, error) {
			ctx, proof := c.Prove(laterAttempt(ctx, tokens, c, attempts))
			attempts++
			stream, err := streamer(ctx, desc, cc, method, opts...)
			return clientAttempt{stream, desc, proof}, err
		}
		first, err := begin(ctx, credential)
		if err != nil {
			return nil, err
		}
		return &clientStream{
			stream: client.NewStream(tokens, credential, first, begin, clientAttempt.refusal),
			ctx:    ctx,
		}, nil
	}
}

// laterAttempt returns the context of a call that is sent again with a credential. It counts the
// attempts before this one, as grpc-go does when it tries again. The first one's context stays.
func laterAttempt(
	ctx context.Context, tokens *client.Source, c *client.Credential, attempts int,
) context.Context {
	if attempts == 0 {
		return ctx
	}
	const name = "grpc-previous-rpc-attempts"
	md, _ := metadata.FromOutgoingContext(ctx)
	earlier := 0
	for _, value := range md.Get(name) {
		if n, err := strconv.Atoi(value); err == nil {
			earlier = max(earlier, n)
		}
	}
	md = md.Copy()
	md.Set(name, strconv.Itoa(earlier+attempts))
	return metadata.NewOutgoingContext(context.WithValue(ctx, credentialKey{tokens}, c), md)
}
