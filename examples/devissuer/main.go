// Command devissuer is an issuer for development and integration tests. It gives any token to
// any caller, so it's not for production, and listens on this host only unless told otherwise.
//
//	go run ./examples/devissuer
//	go run ./examples/devissuer -key dev.pem -audience https://api.example
//
// It has metadata and keys, a token endpoint for clients and users, CORS for browsers on this
// host, and it rotates its keys and fails on demand. It prints how to use it.
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
	"strings"
	"syscall"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Stdout, os.Args[1:])
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "devissuer:", err)
		os.Exit(1)
	}
}

type options struct {
	addr, url, audience, algorithm, keyFile, typ string
	lifetime                                     time.Duration
	origins                                      []string
	expose                                       bool
}

// run serves until ctx ends.
func run(ctx context.Context, stdout io.Writer, args []string) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	listener, err := listen(ctx, &o)
	if err != nil {
		return err
	}
	defer listener.Close()
	issuer, err := newIssuer(&o)
	if err != nil {
		return err
	}
	if err := greet(stdout, o); err != nil {
		return err
	}
	srv := &http.Server{Handler: newHandler(issuer, o.origins), ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = srv.Close() })
	defer stop()
	if err := srv.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	fmt.Fprintln(stdout, "\nGoodbye.")
	return nil
}

func parse(args []string) (o options, err error) {
	flags := flag.NewFlagSet("devissuer", flag.ContinueOnError)
	flags.StringVar(&o.addr, "addr", "127.0.0.1:9000", "the `address` to listen on")
	flags.BoolVar(&o.expose, "expose", false, "allow an address that other hosts can reach")
	flags.StringVar(&o.url, "url", "", "the issuer's `URL`, if services reach it by another than the address")
	flags.StringVar(&o.audience, "audience", verifiertest.Audience, "the `name` of your service in tokens")
	flags.StringVar(&o.keyFile, "key", "",
		"a PEM `file` with the signing key, which is made if it's missing; without one, each start has a new key")
	flags.StringVar(&o.algorithm, "alg", "", "the `algorithm` to sign with (default RS256, or what the key is for)")
	flags.StringVar(&o.typ, "typ", "at+jwt", "the `type` in tokens' headers; many issuers say JWT")
	flags.DurationVar(&o.lifetime, "lifetime", time.Hour, "how long tokens live, unless a request says otherwise")
	flags.Func("origins", "the `origins` of pages that may ask, beside those on this host; * is any",
		func(text string) error {
			o.origins = strings.Split(text, ",")
			return nil
		})
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q: devissuer takes flags alone", flags.Arg(0))
	}
	return o, nil
}

// listen also fills in the issuer's URL.
func listen(ctx context.Context, o *options) (net.Listener, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", o.addr)
	if err != nil {
		return nil, err
	}
	ip := listener.Addr().(*net.TCPAddr).IP //nolint:errcheck // a TCP listener has no other address
	switch {
	case !ip.IsLoopback() && !o.expose:
		err = fmt.Errorf("other hosts can reach %s, and could get any token: add -expose if they may", listener.Addr())
	case ip.IsUnspecified() && o.url == "":
		err = errors.New("say by -url how services reach the issuer")
	case o.url == "":
		o.url = "http://" + listener.Addr().String()
	}
	if err != nil {
		_ = listener.Close()
		return nil, err
	}
	return listener, nil
}

func newIssuer(o *options) (*verifiertest.Issuer, error) {
	key, err := signingKey(o)
	if err != nil {
		return nil, err
	}
	return verifiertest.NewIssuer(
		verifiertest.WithURL(o.url),
		verifiertest.WithAlgorithms(o.algorithm),
		verifiertest.WithSigningKey(o.algorithm, key),
		verifiertest.WithTokenEndpoint(
			map[string]any{"aud": o.audience, "exp": o.lifetime},
			verifiertest.WithHeader("typ", o.typ),
		),
	), nil
}
