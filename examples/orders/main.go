// Command orders serves its callers' orders over gRPC, gRPC-Web and Connect, on one
// port. Who may call what stands in v1/orders.proto, beside the rpcs.
//
//	go run ./examples/orders
//
// trusts its own issuer, and prints a token and commands to try it with. It serves
// until you interrupt it, and fails if it cannot start.
//
//	go run ./examples/orders -issuer https://issuer.example/ -audience https://api.example
//
// trusts yours.
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

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
)

func main() {
	issuer := flag.String("issuer", "", "the issuer's `URL`, exactly as tokens name it; without it, our own issuer")
	audience := flag.String("audience", "", "the `name` of this service in tokens")
	addr := flag.String("addr", "127.0.0.1:8080", "where to serve")
	v1 := flag.Bool("connect-v1", false, "serve Connect and gRPC-Web by connect-go v1, not v2")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Stdout, *issuer, *audience, *addr, *v1)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "orders:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends.
func run(ctx context.Context, stdout io.Writer, issuer, audience, addr string, v1 bool) error {
	config, token := verifier.Config{Issuer: issuer, Audiences: []string{audience}}, ""
	if issuer == "" {
		var err error
		if config, token, err = startIssuer(ctx); err != nil {
			return err
		}
	}
	v, err := verifier.New(config)
	if err != nil {
		return err
	}
	auth, err := newAuthenticator(v, interceptor.WithObserver(logRefusal))
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	if err := printCommands(stdout, listener.Addr().String(), token); err != nil {
		return err
	}
	return serve(ctx, listener, newHandler(auth, v1))
}

func serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	srv := &http.Server{Handler: handler, Protocols: new(http.Protocols), ReadHeaderTimeout: 10 * time.Second}
	srv.Protocols.SetHTTP1(true)
	srv.Protocols.SetUnencryptedHTTP2(true)
	stop := context.AfterFunc(ctx, func() { _ = srv.Close() })
	defer stop()
	if err := srv.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func logRefusal(_ context.Context, d interceptor.Decision) {
	if d.Err != nil {
		log.Printf("%s: %v: %v", d.Procedure, d.Code, d.Err)
	}
}
