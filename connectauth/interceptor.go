package connectauth

import (
	"context"
	"net/http"

	"connectrpc.com/connect"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/internal/earlyhttp"
)

// NewInterceptor returns an interceptor that admits or refuses unary calls and streams.
// It ends each stream when its token expires: see [interceptor.Stream]. On a client it
// does nothing. It panics if auth is nil.
func NewInterceptor(auth *interceptor.Authenticator) connect.Interceptor {
	mustHave(auth)
	return &authInterceptor{auth: auth}
}

type authInterceptor struct{ auth *interceptor.Authenticator }

func (i *authInterceptor) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		if req.Spec().IsClient {
			return next(ctx, req)
		}
		call := call(req.Spec().Procedure, req.Peer().Addr, req.Header())
		call.Method = req.HTTPMethod()
		admission, refusal := i.auth.Authenticate(ctx, call)
		if refusal != nil {
			return nil, refuseUnary(ctx, req, refusal)
		}
		sendNonce(ctx, req, admission.Nonce())
		res, err := next(admission.Context(), req)
		if refusal := admission.End(refusalOf(err)); refusal != nil {
			return nil, refuseUnary(ctx, req, refusal)
		}
		keepPrivate(ctx, admission, req, res, err)
		return res, err
	}
}

func (i *authInterceptor) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) (err error) {
		call := call(conn.Spec().Procedure, conn.Peer().Addr, conn.RequestHeader())
		stream, refusal := i.auth.AuthenticateStream(ctx, call, conn.Receive)
		if refusal != nil {
			return refuseStream(ctx, conn, refusal, false)
		}
		if nonce := stream.Nonce(); nonce != "" {
			conn.ResponseHeader().Set("DPoP-Nonce", nonce)
		}
		guarded := &handlerConn{StreamingHandlerConn: conn, stream: stream}
		defer func() {
			if refusal := stream.End(refusalOf(err)); refusal != nil {
				err = refuseStream(ctx, conn, refusal, guarded.sent.Load())
			}
		}()
		return next(stream.Context(), guarded)
	}
}

func (i *authInterceptor) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

func mustHave(auth *interceptor.Authenticator) {
	if auth == nil {
		panic("connectauth: the Authenticator is nil") //nolint:forbidigo // there is no server to return an error to
	}
}

func call(procedure, peer string, header http.Header) interceptor.Call {
	return interceptor.Call{
		Procedure:     procedure,
		Peer:          peer,
		Authorization: header.Values("Authorization"),
		Request:       request(header),
	}
}

// request is a call's header, as package interceptor reads it.
type request http.Header

func (r request) Connection(ctx context.Context) interceptor.Connection {
	http, ok := earlyhttp.RequestOf(ctx, http.Header(r))
	if !ok {
		return interceptor.Connection{}
	}
	return earlyhttp.ConnectionOf(http)
}

func (r request) Values(_ context.Context, key string) []string { return http.Header(r).Values(key) }
