package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strconv"
	"sync"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"

	"github.com/oidcrpc/oidcrpc/connectauth"
	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connect"
	"github.com/oidcrpc/oidcrpc/interceptor"
)

type connectGreeter struct {
	greetv1connect.UnimplementedGreetServiceHandler

	hub *hub
}

func (connectGreeter) Greet(
	context.Context, *connect.Request[greetv1.GreetRequest],
) (*connect.Response[greetv1.GreetResponse], error) {
	return connect.NewResponse(&greetv1.GreetResponse{}), nil
}

func (g connectGreeter) Watch(
	ctx context.Context, req *connect.Request[greetv1.WatchRequest], s *connect.ServerStream[greetv1.WatchResponse],
) error {
	id, err := strconv.Atoi(req.Msg.GetName())
	if err != nil {
		return errNoID
	}
	return g.hub.serve(ctx, id, func(text string) error { return s.Send(&greetv1.WatchResponse{Greeting: text}) })
}

type connectConn struct{ *httpServer }

func startConnect(auth *interceptor.Authenticator, hub *hub) (conn, error) {
	mux := http.NewServeMux()
	mux.Handle(greetv1connect.NewGreetServiceHandler(connectGreeter{hub: hub},
		connect.WithInterceptors(connectauth.NewInterceptor(auth))))
	server, err := serveHTTP(mux)
	return connectConn{server}, err
}

func (c connectConn) greet(ctx context.Context, token string) error {
	client := greetv1connect.NewGreetServiceClient(c.client(false), c.url)
	req := connect.NewRequest(&greetv1.GreetRequest{})
	req.Header().Set("Authorization", "Bearer "+token)
	_, err := client.Greet(ctx, req)
	return err
}

func (c connectConn) watch(ctx context.Context, token string, id int) (func() (string, error), error) {
	client := greetv1connect.NewGreetServiceClient(c.client(true), c.url)
	req := connect.NewRequest(&greetv1.WatchRequest{Name: strconv.Itoa(id)})
	req.Header().Set("Authorization", "Bearer "+token)
	s, err := client.Watch(ctx, req)
	if err != nil {
		return nil, err
	}
	return func() (string, error) {
		if s.Receive() {
			return s.Msg().GetGreeting(), nil
		}
		return "", errors.Join(s.Err(), s.Close())
	}, nil
}

func connectReason(err error) string {
	connectErr, ok := errors.AsType[*connect.Error](err)
	if !ok {
		return ""
	}
	for _, detail := range connectErr.Details() {
		if value, err := detail.Value(); err == nil {
			if info, ok := value.(*errdetails.ErrorInfo); ok {
				return info.GetReason()
			}
		}
	}
	return ""
}

// An httpServer serves HTTP/2 in plaintext, and has clients for it.
type httpServer struct {
	server  http.Server
	url     string
	serving sync.WaitGroup

	mu      sync.Mutex
	clients []*http.Client
	opened  int
}

func serveHTTP(handler http.Handler) (*httpServer, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &httpServer{url: "http://" + listener.Addr().String()}
	s.server.Handler = handler
	s.server.Protocols = plaintextHTTP2()
	s.server.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: 2 * perConnection}
	s.serving.Go(func() { _ = s.server.Serve(listener) })
	return s, nil
}

func plaintextHTTP2() *http.Protocols {
	var p http.Protocols
	p.SetUnencryptedHTTP2(true)
	return &p
}

// client returns the first connection for calls, and the newest one for streams.
func (s *httpServer) client(isStream bool) *http.Client {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.clients) == 0 || isStream && s.opened%perConnection == 0 {
		s.clients = append(s.clients, &http.Client{Transport: &http.Transport{Protocols: plaintextHTTP2()}})
	}
	if !isStream {
		return s.clients[0]
	}
	s.opened++
	return s.clients[len(s.clients)-1]
}

func (s *httpServer) close() {
	_ = s.server.Close()
	s.serving.Wait()
	for _, client := range s.clients {
		client.CloseIdleConnections()
	}
}
