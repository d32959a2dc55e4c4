package connectauth

import (
	"context"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/internal/earlyhttp"
)

// NewServerInterceptor returns an interceptor that admits or refuses unary calls and
// streams. It ends each stream when its token expires: see [interceptor.Stream]. It
// panics if auth is nil.
//
// Procedures that aren't registered reach it only if the server has an unknown handler,
// and are judged like any others. Without one connect-go answers them itself, with
// Unimplemented.
func NewServerInterceptor(auth *interceptor.Authenticator) connect.ServerInterceptor {
	mustHave(auth)
	return func(next connect.ServerFunc) connect.ServerFunc {
		unary, stream := serveUnary(auth, next), serveStream(auth, next)
		return func(ctx context.Context, spec connect.Spec, conn connect.ServerStream) error {
			if spec.StreamType == connect.StreamTypeUnary {
				return unary(ctx, spec, conn)
			}
			return stream(ctx, spec, conn)
		}
	}
}

func serveUnary(auth *interceptor.Authenticator, next connect.ServerFunc) connect.ServerFunc {
	return func(ctx context.Context, spec connect.Spec, conn connect.ServerStream) error {
		info := infoOf(ctx)
		admission, refusal := auth.Authenticate(ctx, call(spec, info))
		if refusal != nil {
			return refuse(ctx, info, refusal, false)
		}
		sendNonce(info, admission.Nonce())
		keepPrivate(admission, info)
		admitted := &unaryStream{ServerStream: conn}
		err := next(admission.Context(), spec, admitted)
		if refusal := admission.End(refusalOf(err, info)); refusal != nil {
			return refuse(ctx, info, refusal, admitted.sent)
		}
		return err
	}
}

func serveStream(auth *interceptor.Authenticator, next connect.ServerFunc) connect.ServerFunc {
	return func(ctx context.Context, spec connect.Spec, conn connect.ServerStream) (err error) {
		info := infoOf(ctx)
		stream, refusal := auth.AuthenticateStream(ctx, call(spec, info), conn.Receive)
		if refusal != nil {
			takeRequest(info, spec, conn)
			return refuse(ctx, info, refusal, false)
		}
		sendNonce(info, stream.Nonce())
		admitted := &serverStream{ServerStream: conn, stream: stream}
		defer func() {
			if refusal := stream.End(refusalOf(err, info)); refusal != nil {
				if !admitted.received.Load() {
					takeRequest(info, spec, conn)
				}
				err = refuse(ctx, info, refusal, admitted.sent.Load())
			}
		}()
		return next(stream.Context(), spec, admitted)
	}
}

func mustHave(auth *interceptor.Authenticator) {
	if auth == nil {
		panic("connectauth: the Authenticator is nil") //nolint:forbidigo // there is no server to return an error to
	}
}

func call(spec connect.Spec, info *connect.CallInfo) interceptor.Call {
	call := interceptor.Call{Procedure: spec.Procedure}
	if info != nil {
		header := info.RequestHeader()
		call.Authorization = header.Values("Authorization")
		call.Request = (*request)(header)
		call.Peer = info.PeerAddr
		call.Method = methodOf(info)
	}
	return call
}

// request is a call's header, as package interceptor reads it.
type request connect.Header

func (r *request) Connection(ctx context.Context) interceptor.Connection {
	info, ok := connecthttp.ServerInfoForContext(ctx)
	if !ok {
		return interceptor.Connection{} // in process
	}
	url := info.RequestURL()
	return interceptor.Connection{
		TLS: info.TLS(), Network: earlyhttp.NetworkOf(ctx), Method: info.HTTPMethod(), URL: &url,
	}
}

func (r *request) Values(_ context.Context, key string) []string {
	return (*connect.Header)(r).Values(key)
}
