package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"connectrpc.com/connect"
	connect2 "connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/oauth"
	"google.golang.org/grpc/status"

	"github.com/oidcrpc/oidcrpc/connectauth"
	connectauth2 "github.com/oidcrpc/oidcrpc/connectauth/v2"
	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connect"
	greetv1connect2 "github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connectv2"
	"github.com/oidcrpc/oidcrpc/grpcauth"
	"github.com/oidcrpc/oidcrpc/interceptor/client"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// A contestant is a client, with an endpoint and servers of its own.
type contestant struct {
	name     string
	isOurs   bool
	isWrong  bool // its tokens are for another audience
	world    *world
	endpoint *endpoint
	servers  servers

	unary, stream func(context.Context) error

	calls   atomic.Int64
	failed  atomic.Int64 // for authentication, while a token was to be had
	excused atomic.Int64 // without a token while the endpoint was away
	midway  atomic.Int64 // streams whose token expired between a message and the end
	keys    atomic.Int64 // since the server could not fetch the issuer's keys
	others  atomic.Int64
	stalled atomic.Int64 // Unavailable from the server, though the issuer was there
	slow    atomic.Int64 // refused after longer than a token may live: this machine was too busy

	mu     sync.Mutex
	causes map[string]int // how often, of failed, stalled and others
}

func newContestants(w *world) (all []*contestant, err error) {
	for _, c := range []struct {
		name            string
		isOurs, isWrong bool
		connect         func(*contestant) error
	}{
		{"grpc-go with oidcrpc", true, false, (*contestant).useGRPC},
		{"connect v1 with oidcrpc", true, false, (*contestant).useConnect},
		{"connect v2 with oidcrpc", true, false, (*contestant).useConnect2},
		{"grpc-go with credentials/oauth", false, false, (*contestant).useBare},
		{"grpc-go with credentials/oauth, margin 0.2 s", false, false, (*contestant).useBareWithMargin},
		{"grpc-go with oidcrpc, wrong audience", true, true, (*contestant).useGRPC},
		{"connect v1 with oidcrpc, wrong audience", true, true, (*contestant).useConnect},
		{"connect v2 with oidcrpc, wrong audience", true, true, (*contestant).useConnect2},
	} {
		audience := verifiertest.Audience
		if c.isWrong {
			audience = "https://other.test"
		}
		next := &contestant{name: c.name, isOurs: c.isOurs, isWrong: c.isWrong, world: w, endpoint: newEndpoint(w, audience), causes: make(map[string]int)}
		if err := next.servers.start(w.auth); err != nil {
			return nil, err
		}
		if err := c.connect(next); err != nil {
			return nil, err
		}
		all = append(all, next)
	}
	return all, nil
}

func (c *contestant) config() *clientcredentials.Config {
	return &clientcredentials.Config{ClientID: "storm", ClientSecret: "secret", TokenURL: c.endpoint.server.URL}
}

func (c *contestant) useGRPC() error {
	return c.dial(grpcauth.ClientOptions(client.NewSource(c.config().Token))...)
}

func (c *contestant) useBare() error {
	source := c.config().TokenSource(context.Background())
	return c.dial(grpc.WithPerRPCCredentials(oauth.TokenSource{TokenSource: source}))
}

func (c *contestant) useBareWithMargin() error {
	source := oauth2.ReuseTokenSourceWithExpiry(nil, always{c.config()}, time.Second/5)
	return c.dial(grpc.WithPerRPCCredentials(oauth.TokenSource{TokenSource: source}))
}

// always asks for a token each time.
type always struct{ config *clientcredentials.Config }

func (a always) Token() (*oauth2.Token, error) { return a.config.Token(context.Background()) }

func (c *contestant) dial(options ...grpc.DialOption) error {
	roots := x509.NewCertPool()
	roots.AddCert(c.servers.v1.Certificate())
	options = append(options, grpc.WithTransportCredentials(credentials.NewClientTLSFromCert(roots, "example.com")))
	conn, err := grpc.NewClient(c.servers.grpcAddr, options...)
	if err != nil {
		return err
	}
	greeter := greetv1.NewGreetServiceClient(conn)
	c.unary = func(ctx context.Context) error {
		_, err := greeter.Greet(ctx, &greetv1.GreetRequest{})
		return err
	}
	c.stream = func(ctx context.Context) error {
		stream, err := greeter.Watch(ctx, &greetv1.WatchRequest{})
		if err != nil {
			return err
		}
		return drain(stream.Recv)
	}
	return nil
}

func (c *contestant) useConnect() error {
	intercept := connectauth.NewClientInterceptor(client.NewSource(c.config().Token))
	greeter := greetv1connect.NewGreetServiceClient(c.servers.v1.Client(), c.servers.v1.URL, connect.WithInterceptors(intercept))
	c.unary = func(ctx context.Context) error {
		_, err := greeter.Greet(ctx, connect.NewRequest(&greetv1.GreetRequest{}))
		return err
	}
	c.stream = func(ctx context.Context) error {
		stream, err := greeter.Watch(ctx, connect.NewRequest(&greetv1.WatchRequest{}))
		if err != nil {
			return err
		}
		defer stream.Close()
		received := 0
		for stream.Receive() {
			received++
		}
		return ended(received, stream.Err())
	}
	return nil
}

func (c *contestant) useConnect2() error {
	intercept := connectauth2.NewClientInterceptor(client.NewSource(c.config().Token))
	transport := connecthttp.NewTransport(c.servers.v2.Client(), c.servers.v2.URL)
	greeter := greetv1connect2.NewGreetServiceClient(connect2.NewClient(transport, intercept))
	c.unary = func(ctx context.Context) error {
		_, err := greeter.Greet(ctx, &greetv1.GreetRequest{})
		return err
	}
	c.stream = func(ctx context.Context) error {
		stream, err := greeter.Watch(ctx, &greetv1.WatchRequest{})
		if err != nil {
			return err
		}
		defer stream.Close()
		return drain(stream.Receive)
	}
	return nil
}

func drain[T any](receive func() (T, error)) error {
	for received := 0; ; received++ {
		if _, err := receive(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return ended(received, err)
		}
	}
}

// midwayError is why a stream ended that had begun. No client can begin it again.
type midwayError struct{ error }

func (e midwayError) Unwrap() error { return e.error }

func ended(received int, err error) error {
	if err != nil && received > 0 {
		return midwayError{err}
	}
	return err
}

// callAgainAndAgain makes a unary call and a stream in turns.
func (c *contestant) callAgainAndAgain(ctx context.Context, pause time.Duration) {
	if !tick(ctx, time.Duration(rand.Float64()*float64(pause))) {
		return
	}
	calls := []func(context.Context) error{c.unary, c.stream}
	for n := 0; ; n++ {
		outages, isAway := c.world.outages.Load(), c.world.away.Load()
		began := time.Now()
		err := calls[n%2](ctx)
		took := time.Since(began)
		if ctx.Err() != nil {
			return
		}
		c.calls.Add(1)
		c.count(err, took, isAway || c.world.outages.Load() != outages)
		if !tick(ctx, pause) {
			return
		}
	}
}

const (
	unauthenticated = 16
	unavailable     = 14
)

// count sorts a call by its error. While the endpoint is there, nothing is excused but a call that
// took longer than its token may have lived: exp has whole seconds.
func (c *contestant) count(err error, took time.Duration, wasAway bool) {
	if err == nil || c.isWrong && codeOf(err) == unauthenticated {
		return
	}
	_, isMidway := errors.AsType[midwayError](err)
	_, isOfToken := errors.AsType[*client.TokenError](err)
	refusal, isRefusal := errors.AsType[*client.Refusal](err)
	switch {
	case isMidway && codeOf(err) == unauthenticated:
		c.midway.Add(1)
		return
	case codeOf(err) == unavailable && wasAway && isRefusal:
		c.keys.Add(1)
		return
	case wasAway && (isOfToken || !c.isOurs || isRefusal && refusal.Err != nil):
		c.excused.Add(1)
		return
	case codeOf(err) == unavailable && isRefusal:
		c.stalled.Add(1)
	case codeOf(err) == unauthenticated && isRefusal && took > tokenLife-time.Second:
		c.slow.Add(1)
	case codeOf(err) == unauthenticated, isOfToken, isRefusal:
		c.failed.Add(1)
	default:
		c.others.Add(1)
	}
	cause := fmt.Sprintf("code %d: %v", codeOf(err), err)
	if isRefusal {
		cause = fmt.Sprintf("code %d, %s: %v", codeOf(err), refusal.Code, refusal.Err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.causes[cause]++
}

func codeOf(err error) int {
	if connectErr, ok := errors.AsType[*connect.Error](err); ok {
		return int(connectErr.Code())
	}
	if connectErr, ok := errors.AsType[*connect2.Error](err); ok {
		return int(connectErr.Code())
	}
	return int(status.Code(err))
}

func (c *contestant) isBad() bool {
	isRepeated := c.isWrong && c.servers.arrived.Load() > c.calls.Load()
	return c.isOurs && (c.failed.Load() > 0 || c.stalled.Load() > 0 || c.endpoint.excess.Load() > 0 || isRepeated)
}
