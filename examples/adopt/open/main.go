// Command open is what a team has before it secures anything: greetings over gRPC, REST,
// Connect and plain HTTP, and for agents over MCP.
package main

import (
	"context"
	"errors"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
)

func main() {
	on, err := listen("127.0.0.1:9090", "127.0.0.1:8080", "127.0.0.1:8081", "127.0.0.1:8082")
	if err != nil {
		log.Fatal(err)
	}
	log.Println("gRPC on :9090, REST on :8080, Connect on :8081, HTTP on :8082")
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err = run(ctx, slog.Default(), on)
	stop()
	if err != nil {
		log.Fatal(err)
	}
}

// sockets are where each of the servers listens.
type sockets struct{ grpc, rest, connect, web net.Listener }

func listen(grpcAddr, rest, connect, web string) (on sockets, err error) {
	for _, socket := range []struct {
		addr     string
		listener *net.Listener
	}{{grpcAddr, &on.grpc}, {rest, &on.rest}, {connect, &on.connect}, {web, &on.web}} {
		if *socket.listener, err = net.Listen("tcp", socket.addr); err != nil {
			return on, err
		}
	}
	return on, nil
}

// run serves until ctx ends or a server fails.
func run(ctx context.Context, log *slog.Logger, on sockets) error {
	a, err := newApp(log)
	if err != nil {
		return err
	}
	through, err := grpc.NewClient(on.grpc.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer through.Close()
	gateway, err := newGateway(ctx, through)
	if err != nil {
		return err
	}
	connectHandler, err := a.newConnectHandler()
	if err != nil {
		return err
	}
	own, err := dial(on.grpc.Addr().String())
	if err != nil {
		return err
	}
	defer own.Close()
	web := a.newWebHandler(greetv1.NewGreetServiceClient(own))

	failed := make(chan error, 4)
	grpcServer := a.newGRPCServer()
	go func() { failed <- grpcServer.Serve(on.grpc) }()
	defer grpcServer.Stop()
	for _, server := range []struct {
		listener net.Listener
		handler  http.Handler
	}{{on.rest, gateway}, {on.connect, connectHandler}, {on.web, web}} {
		httpServer := newServer(server.handler)
		go func() { failed <- httpServer.Serve(server.listener) }()
		defer httpServer.Close()
	}
	select {
	case err := <-failed:
		return errors.Join(errors.New("a server has failed"), err)
	case <-ctx.Done():
		return nil
	}
}

// newServer serves HTTP/1.1, and HTTP/2 without TLS, as behind a proxy.
func newServer(handler http.Handler) *http.Server {
	server := &http.Server{Handler: handler, Protocols: new(http.Protocols), ReadHeaderTimeout: 10 * time.Second}
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetUnencryptedHTTP2(true)
	return server
}
