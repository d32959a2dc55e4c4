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
	"reflect"
	"syscall"
	"time"

	"github.com/oidcrpc/oidcrpc/examples/configflag"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Stdout, os.Args[1:])
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "orders:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends.
func run(ctx context.Context, stdout io.Writer, args []string) error {
	flags := flag.NewFlagSet("orders", flag.ContinueOnError)
	configured := configflag.Add(flags)
	addr := flags.String("addr", "127.0.0.1:8080", "where to serve")
	v1 := flags.Bool("connect-v1", false, "serve Connect and gRPC-Web by connect-go v1, not v2")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q: orders takes flags alone", flags.Arg(0))
	}
	config, err := configured()
	if err != nil {
		return err
	}
	own := issuer{}
	if reflect.ValueOf(config).IsZero() { // no flag says whom to trust
		if own, err = startIssuer(ctx); err != nil {
			return err
		}
		config = own.config
	}
	v, err := verifier.New(config)
	if err != nil {
		return err
	}
	auth, err := newAuthenticator(v, interceptor.WithObserver(logRefusal))
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", *addr)
	if err != nil {
		return err
	}
	if err := printCommands(stdout, listener.Addr().String(), own); err != nil {
		return err
	}
	if err := serve(ctx, listener, newHandler(auth, *v1)); err != nil {
		return err
	}
	fmt.Fprintln(stdout, "\nGoodbye.")
	return nil
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
