package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

const (
	callers        = 16
	streamMessages = 1000
	echoSlice      = 40 * time.Millisecond
)

// A guard is how a server authenticates its callers: not at all, by a peer, or by us.
type guard struct {
	name string
	peer verify                     // nil: not by a peer
	auth *interceptor.Authenticator // nil: not by us
}

const (
	noAuth        = "no auth"
	withPeer      = "keyfunc"
	withoutExpiry = "oidcrpc, streams without expiry"
)

func newGuards(issuer *verifiertest.Issuer, alg string) ([]guard, error) {
	peer, err := keyfuncJWT(issuer, alg)
	if err != nil {
		return nil, err
	}
	config := issuer.Config()
	config.Algorithms = []string{alg}
	v, err := verifier.New(config)
	if err != nil {
		return nil, err
	}
	expiring, err := interceptor.New(v)
	if err != nil {
		return nil, err
	}
	lasting, err := interceptor.New(v, interceptor.WithoutStreamExpiry())
	if err != nil {
		return nil, err
	}
	return []guard{
		{name: noAuth},
		{name: withPeer, peer: peer},
		{name: ours, auth: expiring},
		{name: withoutExpiry, auth: lasting},
	}, nil
}

// A client calls a server with one guard, over one transport.
type client interface {
	unary(ctx context.Context) error
	upload(ctx context.Context, messages int) error
	download(ctx context.Context, messages int) error
	close()
}

// transports are the ways to a server.
var transports = []struct {
	name  string
	start func(g guard, token string) (client, error)
}{
	{"gRPC, bufconn", startBufconn},
	{"gRPC, TCP", startTCP},
	{"Connect, h2c", startConnect},
	{"Connect v2, h2c", startConnectV2},
}

// echoRaces times calls of every kind over every transport.
func echoRaces(issuer *verifiertest.Issuer, want func(name string) bool, rounds int) (races []Race, err error) {
	const alg = "RS256"
	token := mint(issuer, alg, 1)[0].token
	guards, err := newGuards(issuer, alg)
	if err != nil {
		return nil, err
	}
	for _, transport := range transports {
		unary, upload, download := transport.name+", unary", transport.name+", upload", transport.name+", download"
		var calls, sent, received []contestant
		for _, g := range guards {
			c, err := transport.start(g, token)
			if err != nil {
				return nil, err
			}
			defer c.close()
			if g.name != withoutExpiry {
				calls = append(calls, contestant{g.name, callers, manyCallers(c.unary)})
			}
			sent = append(sent, contestant{g.name, streamMessages, messages(c.upload)})
			received = append(received, contestant{g.name, streamMessages, messages(c.download)})
		}
		for _, r := range []struct {
			name        string
			contestants []contestant
		}{{unary, calls}, {upload, sent}, {download, received}} {
			if !want(r.name) {
				continue
			}
			results, err := race(r.contestants, rounds, echoSlice)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", r.name, err)
			}
			races = append(races, Race{r.name, results})
		}
	}
	return races, nil
}

// manyCallers shares the calls among callers that each wait for their answer.
func manyCallers(call func(ctx context.Context) error) func(n int) error {
	return func(n int) error {
		ctx := context.Background()
		var group sync.WaitGroup
		errs := make(chan error, callers)
		for range callers {
			group.Go(func() {
				for range n / callers {
					if err := call(ctx); err != nil {
						errs <- err
						return
					}
				}
			})
		}
		group.Wait()
		close(errs)
		return <-errs
	}
}

// messages counts a stream's messages as operations.
func messages(stream func(ctx context.Context, messages int) error) func(n int) error {
	return func(n int) error {
		for range n / streamMessages {
			if err := stream(context.Background(), streamMessages); err != nil {
				return err
			}
		}
		return nil
	}
}

// greeting is what is sent each time.
const greeting = "a few words, as many as a small message has"

func checkCount(got int) error {
	if got != streamMessages {
		return fmt.Errorf("%d messages arrived, want %d", got, streamMessages)
	}
	return nil
}

var (
	greetRequest   = &greetv1.GreetRequest{Name: greeting}
	collectRequest = &greetv1.CollectRequest{Name: greeting}
	watchRequest   = &greetv1.WatchRequest{Name: greeting, Count: streamMessages}
)
