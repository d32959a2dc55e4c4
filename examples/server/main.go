// Command server serves the greeting service of the examples over grpc-go and Connect,
// and trusts your own issuer:
//
//	go run ./examples/server -issuer https://issuer.example/ -audience https://api.example
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/oidcrpc/oidcrpc/examples/configflag"
	"github.com/oidcrpc/oidcrpc/examples/greet"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Stdout, os.Args[1:])
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "server:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends.
func run(ctx context.Context, stdout io.Writer, args []string) error {
	flags := flag.NewFlagSet("server", flag.ContinueOnError)
	configured := configflag.Add(flags)
	addr := flags.String("addr", "127.0.0.1:8080", "where to serve Connect, gRPC-Web and gRPC over net/http")
	grpcAddr := flags.String("grpc-addr", "127.0.0.1:9090", "where to serve gRPC by grpc-go")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q: server takes flags alone", flags.Arg(0))
	}
	config, err := configured()
	if err != nil {
		return err
	}
	v, err := verifier.New(config)
	if err != nil {
		return err
	}
	auth, err := interceptor.New(v,
		interceptor.WithRealm("greet"),
		interceptor.WithPolicy(greet.Policy),
		interceptor.WithObserver(logDecision),
	)
	if err != nil {
		return err
	}
	grpcListener, err := net.Listen("tcp", *grpcAddr)
	if err != nil {
		return err
	}
	defer grpcListener.Close()
	listener, err := net.Listen("tcp", *addr)
	if err != nil {
		return err
	}
	defer listener.Close()
	fmt.Fprintf(stdout, "Serving gRPC on %s, and Connect, gRPC-Web and gRPC on %s.\n\n",
		grpcListener.Addr(), listener.Addr())
	if err := greet.PrintCommands(stdout, grpcListener.Addr().String(), listener.Addr().String(), ""); err != nil {
		return err
	}
	if err := v.Ready(ctx); err != nil {
		log.Printf("the issuer isn't ready, so calls get Unavailable: %v", err)
	}
	if err := serve(ctx, auth, grpcListener, listener); err != nil {
		return err
	}
	fmt.Fprintln(stdout, "\nGoodbye.")
	return nil
}

func serve(ctx context.Context, auth *interceptor.Authenticator, grpcListener, listener net.Listener) error {
	grpcServer := greet.NewGRPCServer(auth)
	httpServer := &http.Server{
		Handler:           greet.NewConnectHandler(auth),
		Protocols:         new(http.Protocols),
		ReadHeaderTimeout: 10 * time.Second,
	}
	httpServer.Protocols.SetHTTP1(true)
	httpServer.Protocols.SetUnencryptedHTTP2(true)
	failed := make(chan error, 2)
	go func() { failed <- grpcServer.Serve(grpcListener) }()
	go func() { failed <- httpServer.Serve(listener) }()
	var err error
	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	grpcServer.Stop()
	return errors.Join(err, httpServer.Close())
}

func logDecision(_ context.Context, d interceptor.Decision) {
	if d.Err != nil {
		log.Printf("%s: %v: %v", d.Procedure, d.Code, d.Err)
	}
}
