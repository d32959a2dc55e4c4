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
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/oidcrpc/oidcrpc/examples/greet"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
)

func main() {
	var config verifier.Config
	addConfigFlags(flag.CommandLine, &config)
	addr := flag.String("addr", "127.0.0.1:8080", "where to serve Connect, gRPC-Web and gRPC over net/http")
	grpcAddr := flag.String("grpc-addr", "127.0.0.1:9090", "where to serve gRPC by grpc-go")
	flag.Parse()
	if err := serve(config, *addr, *grpcAddr); err != nil {
		fmt.Fprintln(os.Stderr, "server:", err)
		os.Exit(1)
	}
}

func serve(config verifier.Config, addr, grpcAddr string) error {
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
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := v.Ready(ctx); err != nil {
		log.Printf("the issuer isn't ready, so calls get Unavailable: %v", err)
	}

	grpcListener, err := net.Listen("tcp", grpcAddr)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
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
	log.Printf("serving gRPC on %s, and Connect, gRPC-Web and gRPC on %s", grpcAddr, addr)
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
