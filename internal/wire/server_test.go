package wire_test

import (
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"

	"connectrpc.com/connect"
	connectv2 "connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"google.golang.org/grpc"

	"github.com/oidcrpc/oidcrpc/connectauth"
	connectauthv2 "github.com/oidcrpc/oidcrpc/connectauth/v2"
	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connect"
	"github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connectv2"
	"github.com/oidcrpc/oidcrpc/grpcauth"
	"github.com/oidcrpc/oidcrpc/interceptor"
)

// A server is a secured service on its own port.
type server struct {
	addr    string
	service *service
	errors  logbook // the ErrorLog of net/http
	grpcGo  bool
	v2      *connectv2.Server // for calls in process
}

// checkQuiet reports what went wrong on the server without the caller's notice.
func (s *server) checkQuiet(t *testing.T) {
	t.Helper()
	s.service.faults.checkEmpty(t, "the list of the handlers' faults")
	s.errors.checkEmpty(t, "the server's log")
	processLog.checkEmpty(t, "the log of the process")
	if s.grpcGo {
		grpcLog.checkEmpty(t, "the log of grpc-go")
	}
}

// serveGRPC serves over grpc-go's own transport.
func serveGRPC(t *testing.T, auth *interceptor.Authenticator) *server {
	t.Helper()
	s := &server{service: &service{}, grpcGo: true}
	srv := newGRPCServer(auth, s.service)
	listener := s.listen(t)
	var served sync.WaitGroup
	served.Go(func() { _ = srv.Serve(listener) })
	t.Cleanup(func() {
		srv.Stop()
		served.Wait()
	})
	return s
}

// serveGRPCOverHTTP serves with grpc-go on net/http.
func serveGRPCOverHTTP(t *testing.T, auth *interceptor.Authenticator) *server {
	t.Helper()
	s := &server{service: &service{}, grpcGo: true}
	srv := newGRPCServer(auth, s.service)
	s.serveHTTP(t, srv)
	t.Cleanup(srv.Stop)
	return s
}

func newGRPCServer(auth *interceptor.Authenticator, service *service) *grpc.Server {
	grpcLog.reset() // a server before this one may have logged its end
	ends := []grpc.ServerOption{grpc.ChainUnaryInterceptor(endGRPCUnary), grpc.ChainStreamInterceptor(endGRPCStream)}
	srv := grpc.NewServer(append(ends, grpcauth.ServerOptions(auth)...)...)
	greetv1.RegisterGreetServiceServer(srv, grpcService{service: service})
	registerBuiltins(srv)
	return srv
}

// serveConnect serves with connect-go.
func serveConnect(t *testing.T, auth *interceptor.Authenticator) *server {
	t.Helper()
	s := &server{service: &service{}}
	s.serveHTTP(t, newConnectHandler(auth, s.service))
	return s
}

// serveConnectBehindMiddleware serves with connect-go behind our middleware.
func serveConnectBehindMiddleware(t *testing.T, auth *interceptor.Authenticator) *server {
	t.Helper()
	s := &server{service: &service{}}
	s.serveHTTP(t, connectauth.NewMiddleware(auth).Wrap(newConnectHandler(auth, s.service)))
	return s
}

// serveConnectBehindOpenMiddleware does so behind middleware that leaves every call to
// the interceptor.
func serveConnectBehindOpenMiddleware(t *testing.T, auth *interceptor.Authenticator) *server {
	t.Helper()
	s := &server{service: &service{}}
	s.serveHTTP(t, connectauth.NewMiddleware(newOpenAuth(t)).Wrap(newConnectHandler(auth, s.service)))
	return s
}

// newOpenAuth admits every call.
func newOpenAuth(t *testing.T) *interceptor.Authenticator {
	t.Helper()
	open, err := interceptor.New(newJudge(t), interceptor.WithPolicy(interceptor.Policy{
		"/*": {Access: interceptor.AccessPublic},
	}))
	if err != nil {
		t.Fatal(err)
	}
	return open
}

func newConnectHandler(
	auth *interceptor.Authenticator, service *service, options ...connect.HandlerOption,
) http.Handler {
	options = append(options, connect.WithInterceptors(connectauth.NewInterceptor(auth)))
	mux := http.NewServeMux()
	mux.Handle(greetv1connect.NewGreetServiceHandler(connectService{service}, options...))
	handleBuiltins(mux, options...)
	return mux
}

// serveConnectV2 serves with connect-go v2.
func serveConnectV2(t *testing.T, auth *interceptor.Authenticator) *server {
	t.Helper()
	s := newConnectV2(auth)
	s.serveHTTP(t, s.mountV2())
	return s
}

// serveConnectV2BehindMiddleware serves with connect-go v2 behind our middleware.
func serveConnectV2BehindMiddleware(t *testing.T, auth *interceptor.Authenticator) *server {
	t.Helper()
	s := newConnectV2(auth)
	s.serveHTTP(t, connectauthv2.NewMiddleware(auth).Wrap(s.mountV2()))
	return s
}

// serveConnectV2BehindOpenMiddleware does so behind middleware that leaves every call to
// the interceptor.
func serveConnectV2BehindOpenMiddleware(t *testing.T, auth *interceptor.Authenticator) *server {
	t.Helper()
	s := newConnectV2(auth)
	s.serveHTTP(t, connectauthv2.NewMiddleware(newOpenAuth(t)).Wrap(s.mountV2()))
	return s
}

// serveInProcess serves with connect-go v2, without a network.
func serveInProcess(_ *testing.T, auth *interceptor.Authenticator) *server { return newConnectV2(auth) }

func newConnectV2(auth *interceptor.Authenticator) *server {
	s := &server{service: &service{}}
	s.v2 = connectv2.NewServer(endInProcess, connectauthv2.NewServerInterceptor(auth), withStream)
	greetv1connectv2.RegisterGreetServiceHandler(s.v2, connectV2Service{s.service})
	registerBuiltinsV2(s.v2)
	return s
}

func (s *server) mountV2(options ...connecthttp.Option) http.Handler {
	mux := http.NewServeMux()
	connecthttp.Mount(mux, s.v2, options...)
	return mux
}

// serveHTTP serves handler over HTTP/1.1 and, by prior knowledge, HTTP/2.
func (s *server) serveHTTP(t *testing.T, handler http.Handler) {
	t.Helper()
	if !s.grpcGo {
		handler = endHTTP(handler)
	}
	srv := &http.Server{
		Handler:   handler,
		Protocols: new(http.Protocols),
		ErrorLog:  slog.NewLogLogger(slog.NewTextHandler(&s.errors, nil), slog.LevelError),
	}
	srv.Protocols.SetHTTP1(true)
	srv.Protocols.SetUnencryptedHTTP2(true)
	listener := s.listen(t)
	var served sync.WaitGroup
	served.Go(func() { _ = srv.Serve(listener) })
	t.Cleanup(func() {
		_ = srv.Close()
		served.Wait()
	})
}

func (s *server) listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = listener.Addr().String()
	return listener
}
