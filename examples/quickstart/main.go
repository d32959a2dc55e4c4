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
	"flag"
	"fmt"
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
	serve := flag.Bool("serve", false, "keep the servers up, and print commands to call them with")
	flag.Parse()
	if err := run(*serve); err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

func run(serve bool) error {
	issuer, err := startIssuer()
	if err != nil {
		return err
	}
	servers, err := startServers(issuer)
	if err != nil {
		return err
	}
	if err := callAll(issuer, servers); err != nil || !serve {
		return err
	}
	if err := printCommands(issuer, servers); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	<-ctx.Done()
	return nil
}

// startIssuer serves an issuer's metadata and keys.
func startIssuer() (*verifiertest.Issuer, error) {
	listener, err := listen()
	if err != nil {
		return nil, err
	}
	issuer := verifiertest.NewIssuer(
		verifiertest.WithURL("http://"+listener.Addr().String()),
		verifiertest.WithAlgorithms("RS256"),
	)
	go serveHTTP(listener, issuer)
	return issuer, nil
}

// servers holds the addresses of three servers with the same services.
type servers struct{ grpc, connect, connectV1 string }

// startServers secures a server for each stack with one authenticator.
func startServers(issuer *verifiertest.Issuer) (servers, error) {
	v, err := verifier.New(verifier.Config{
		Issuer:    issuer.URL(),
		Audiences: []string{verifiertest.Audience},
		Leeway:    -1, // the issuer shares this clock
	})
	if err != nil {
		return servers{}, err
	}
	auth, err := interceptor.New(v,
		interceptor.WithRealm("greet"),
		interceptor.WithPolicy(greet.Policy),
	)
	if err != nil {
		return servers{}, err
	}
	var listeners [3]net.Listener
	for i := range listeners {
		if listeners[i], err = listen(); err != nil {
			return servers{}, err
		}
	}
	go func() { _ = greet.NewGRPCServer(auth).Serve(listeners[0]) }()
	go serveHTTP(listeners[1], greet.NewConnectHandler(auth))
	go serveHTTP(listeners[2], greet.NewConnectV1Handler(auth))
	return servers{
		grpc:      listeners[0].Addr().String(),
		connect:   listeners[1].Addr().String(),
		connectV1: listeners[2].Addr().String(),
	}, nil
}

func listen() (net.Listener, error) { return net.Listen("tcp", "127.0.0.1:0") }

func serveHTTP(listener net.Listener, handler http.Handler) {
	server := &http.Server{
		Handler:           handler,
		Protocols:         new(http.Protocols),
		ReadHeaderTimeout: 10 * time.Second,
	}
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetUnencryptedHTTP2(true)
	_ = server.Serve(listener)
}
