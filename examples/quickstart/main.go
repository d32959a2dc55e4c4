// Command quickstart shows what callers get from a secured server. It starts an issuer,
// a grpc-go server and two Connect servers, of v2 and v1, on this host. Then it calls
// them over gRPC, gRPC-Web and Connect with good tokens and bad ones, and prints every
// outcome. It fails if one isn't what it should be.
//
//	go run ./examples/quickstart
//	go run ./examples/quickstart -serve
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/oidcrpc/oidcrpc/examples/greet"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Stdout, isColourful(os.Stdout), os.Args[1:])
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

// run ends with ctx, or without -serve as soon as all is shown.
func run(ctx context.Context, stdout io.Writer, colour bool, args []string) error {
	flags := flag.NewFlagSet("quickstart", flag.ContinueOnError)
	serve := flags.Bool("serve", false, "keep the servers up, and print commands to call them with")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q: quickstart takes -serve alone", flags.Arg(0))
	}
	fmt.Fprintln(stdout, "Starting an issuer and three servers. The last calls wait 3 seconds for a token to expire.")
	servers, err := startServers()
	if err != nil {
		return err
	}
	defer servers.stop()
	if err := callAll(ctx, stdout, colour, servers); err != nil {
		return goodbye(ctx, stdout, err)
	}
	if !*serve {
		fmt.Fprintln(stdout, "\nTry next: the same with -serve, which keeps the servers up and prints commands.")
		return nil
	}
	fmt.Fprintln(stdout, "\nThe servers stay up.")
	fmt.Fprintln(stdout)
	token := servers.issuer.Token(map[string]any{
		"scope": "greet:write", "permissions": []string{"converse"}, "exp": time.Hour,
	})
	if err := greet.PrintCommands(stdout, servers.grpc, servers.connect, token); err != nil {
		return err
	}
	<-ctx.Done()
	return goodbye(ctx, stdout, nil)
}

// goodbye takes errors for what an interruption leads to.
func goodbye(ctx context.Context, stdout io.Writer, err error) error {
	if ctx.Err() == nil {
		return err
	}
	fmt.Fprintln(stdout, "\nGoodbye.")
	return nil
}

// servers are an issuer, and the addresses of three servers with the same services.
type servers struct {
	issuer                   *verifiertest.Server
	grpc, connect, connectV1 string
	stop                     func()
}

// startServers secures a server for each stack with one authenticator.
func startServers() (*servers, error) {
	issuer := verifiertest.NewServer(verifiertest.WithAlgorithms("RS256"))
	s := &servers{issuer: issuer, stop: issuer.Close}
	if err := s.start(); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

func (s *servers) start() error {
	v, err := verifier.New(verifier.Config{
		Issuer:    s.issuer.URL(),
		Audiences: []string{verifiertest.Audience},
		Leeway:    -1, // the issuer shares this clock
	})
	if err != nil {
		return err
	}
	auth, err := interceptor.New(v,
		interceptor.WithRealm("greet"),
		interceptor.WithPolicy(greet.Policy),
	)
	if err != nil {
		return err
	}
	overGRPC := greet.NewGRPCServer(auth)
	v2, v1 := newHTTPServer(greet.NewConnectHandler(auth)), newHTTPServer(greet.NewConnectV1Handler(auth))
	for _, server := range []struct {
		addr  *string
		serve func(net.Listener) error
		stop  func()
	}{
		{&s.grpc, overGRPC.Serve, overGRPC.Stop},
		{&s.connect, v2.Serve, func() { _ = v2.Close() }},
		{&s.connectV1, v1.Serve, func() { _ = v1.Close() }},
	} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		*server.addr = listener.Addr().String()
		go func() { _ = server.serve(listener) }()
		stopOthers := s.stop
		s.stop = func() { server.stop(); stopOthers() }
	}
	return nil
}

func newHTTPServer(handler http.Handler) *http.Server {
	server := &http.Server{
		Handler:           handler,
		Protocols:         new(http.Protocols),
		ReadHeaderTimeout: 10 * time.Second,
	}
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetUnencryptedHTTP2(true)
	return server
}
