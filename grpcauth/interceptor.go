package grpcauth

import (
	"context"
	"math"
	"net"
	"net/http"
	"net/netip"
	"net/url"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"github.com/oidcrpc/oidcrpc/interceptor"
)

// UnaryServerInterceptor returns an interceptor that admits or refuses unary calls.
// It panics if auth is nil.
func UnaryServerInterceptor(auth *interceptor.Authenticator) grpc.UnaryServerInterceptor {
	mustHave(auth)
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		admission, refusal := auth.Authenticate(ctx, call(ctx, info.FullMethod))
		if refusal != nil {
			return nil, refuseUnary(ctx, info, refusal)
		}
		sendNonce(ctx, info, admission.Nonce())
		res, err := handler(admission.Context(), req)
		if refusal := admission.End(refusalOf(err)); refusal != nil {
			return nil, refuseUnary(ctx, info, refusal)
		}
		return res, err
	}
}

// StreamServerInterceptor returns an interceptor that admits or refuses streams. It
// ends each when its token expires: see [interceptor.Stream]. It panics if auth is nil.
//
// With [grpc.Server.Serve] the caller is told at once, and a handler that waits for a message,
// or for room to send one, is released. So neither the handler nor an interceptor before this
// one can change how an expired stream ends. Trailers they set from then on are lost, and so
// is another error they return. A stats handler may see a message after the trailer. A
// handler that ignores the end counts for [grpc.MaxConcurrentStreams] until it returns. With
// [grpc.Server.ServeHTTP] the caller is told once all of them have returned.
func StreamServerInterceptor(auth *interceptor.Authenticator) grpc.StreamServerInterceptor {
	mustHave(auth)
	return func(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) (err error) {
		ctx := ss.Context()
		stream, refusal := auth.AuthenticateInterruptible(
			ctx, call(ctx, info.FullMethod), ss.RecvMsg, interruptOf(ctx, info))
		if refusal != nil {
			return refuseStream(ss, refusal)
		}
		if nonce := stream.Nonce(); nonce != "" {
			_ = ss.SetHeader(metadata.Pairs("dpop-nonce", nonce))
		}
		defer func() {
			if refusal := stream.End(refusalOf(err)); refusal != nil {
				err = refuseStream(ss, refusal)
			}
		}()
		return handler(srv, &serverStream{ServerStream: ss, stream: stream})
	}
}

// ServerOptions returns both interceptors, chained. It panics if auth is nil.
func ServerOptions(auth *interceptor.Authenticator) []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.ChainUnaryInterceptor(UnaryServerInterceptor(auth)),
		grpc.ChainStreamInterceptor(StreamServerInterceptor(auth)),
	}
}

func mustHave(auth *interceptor.Authenticator) {
	if auth == nil {
		panic("grpcauth: the Authenticator is nil") //nolint:forbidigo // there is no server to return an error to
	}
}

func call(ctx context.Context, procedure string) interceptor.Call {
	call := interceptor.Call{
		Procedure:     procedure,
		Authorization: metadata.ValueFromIncomingContext(ctx, "authorization"),
		Request:       request{},
	}
	if p, ok := peer.FromContext(ctx); ok && p.Addr != nil {
		call.Peer = textOf(p.Addr)
	}
	return call
}

// textOf returns what an address's String does. For TCP it allocates less.
func textOf(address net.Addr) string {
	tcp, ok := address.(*net.TCPAddr)
	if !ok || tcp == nil || tcp.Zone != "" {
		return address.String()
	}
	ip, ok := netip.AddrFromSlice(tcp.IP)
	if port := tcp.Port; ok && port >= 0 && port <= math.MaxUint16 {
		return netip.AddrPortFrom(ip.Unmap(), uint16(port)).String()
	}
	return address.String()
}

// request is a call's metadata, as package interceptor reads it. It holds nothing, since
// it's made for each call.
type request struct{}

func (request) Connection(ctx context.Context) interceptor.Connection {
	procedure, _ := grpc.Method(ctx)
	connection := interceptor.Connection{Method: http.MethodPost, URL: &url.URL{Path: procedure}}
	if p, ok := peer.FromContext(ctx); ok {
		connection.Network = networkOf(ctx, p.Addr)
		if info, ok := p.AuthInfo.(credentials.TLSInfo); ok {
			connection.TLS = &info.State
		}
	}
	return connection
}

func (request) Values(ctx context.Context, key string) []string {
	return metadata.ValueFromIncomingContext(ctx, key) // in any case
}

// networkOf returns the caller's network. In ServeHTTP grpc-go calls every address one of TCP.
func networkOf(ctx context.Context, address net.Addr) string {
	if local, ok := ctx.Value(http.LocalAddrContextKey).(net.Addr); ok {
		address = local
	}
	if address == nil {
		return ""
	}
	return address.Network()
}
