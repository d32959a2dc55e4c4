package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connect"
)

// A client calls one server over one protocol.
type client struct {
	server   string
	protocol string
	http     *http.Client
	service  greetv1connect.GreetServiceClient
	health   *connect.Client[healthv1.HealthCheckRequest, healthv1.HealthCheckResponse]
}

func newClient(server, protocol, addr string, options ...connect.ClientOption) *client {
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	httpClient := &http.Client{Transport: transport}
	url := "http://" + addr
	return &client{
		server:   server,
		protocol: protocol,
		http:     httpClient,
		service:  greetv1connect.NewGreetServiceClient(httpClient, url, options...),
		health: connect.NewClient[healthv1.HealthCheckRequest, healthv1.HealthCheckResponse](
			httpClient, url+healthv1.Health_Check_FullMethodName, options...),
	}
}

// try makes the call.
func (c *client) try(ctx context.Context, call call) answer {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	header := make(http.Header)
	for _, value := range call.authorization() {
		header.Add("Authorization", value)
	}
	err := call.invoke(ctx, c, header)
	if err == nil {
		return answer{}
	}
	challenge, onlyDetail := challengeOf(err)
	return answer{outcome{connect.CodeOf(err), challenge}, onlyDetail}
}

const patience = 30 * time.Second // a call takes milliseconds, or 3 seconds

// challengeOf returns the challenge as it reached the client: as a header or trailer,
// or in the error's details where neither could travel.
func challengeOf(err error) (challenge string, onlyDetail bool) {
	connectErr, ok := errors.AsType[*connect.Error](err)
	if !ok {
		return "", false
	}
	if values := connectErr.Meta().Values("WWW-Authenticate"); len(values) > 0 {
		return strings.Join(values, " AND "), false
	}
	for _, detail := range connectErr.Details() {
		message, err := detail.Value()
		info, ok := message.(*errdetails.ErrorInfo)
		if err == nil && ok && info.GetMetadata()["challenge"] != "" {
			return info.GetMetadata()["challenge"], true
		}
	}
	return "", false
}

func greetOnce(ctx context.Context, c *client, header http.Header) error {
	_, err := c.service.Greet(ctx, withHeader(&greetv1.GreetRequest{Name: "Ada"}, header))
	return err
}

func checkHealth(ctx context.Context, c *client, header http.Header) error {
	_, err := c.health.CallUnary(ctx, withHeader(&healthv1.HealthCheckRequest{}, header))
	return err
}

func watchOnce(ctx context.Context, c *client, header http.Header) error {
	return c.watch(ctx, &greetv1.WatchRequest{Name: "Ada", Count: 1}, header)
}

func watchOn(ctx context.Context, c *client, header http.Header) error {
	return c.watch(ctx, &greetv1.WatchRequest{Name: "Ada"}, header)
}

func (c *client) watch(ctx context.Context, req *greetv1.WatchRequest, header http.Header) error {
	stream, err := c.service.Watch(ctx, withHeader(req, header))
	if err != nil {
		return err
	}
	received := 0
	for stream.Receive() {
		received++
	}
	if err := errors.Join(stream.Err(), stream.Close()); err != nil {
		return err
	}
	return expect(received, 1)
}

func collect(ctx context.Context, c *client, header http.Header) error {
	stream := c.service.Collect(ctx)
	maps.Copy(stream.RequestHeader(), header)
	for _, name := range []string{"Ada", "Grace"} {
		if err := stream.Send(&greetv1.CollectRequest{Name: name}); err != nil {
			break // CloseAndReceive tells why
		}
	}
	res, err := stream.CloseAndReceive()
	if err != nil {
		return err
	}
	return expect(len(res.Msg.GetNames()), 2)
}

func converse(ctx context.Context, c *client, header http.Header) error {
	stream := c.service.Converse(ctx)
	maps.Copy(stream.RequestHeader(), header)
	_ = stream.Send(&greetv1.ConverseRequest{Name: "Ada"}) // Receive tells more
	_, err := stream.Receive()
	if err != nil {
		return err
	}
	if err := stream.CloseRequest(); err != nil {
		return err
	}
	if _, err := stream.Receive(); !errors.Is(err, io.EOF) {
		return err
	}
	return stream.CloseResponse()
}

func withHeader[T any](message *T, header http.Header) *connect.Request[T] {
	req := connect.NewRequest(message)
	maps.Copy(req.Header(), header)
	return req
}

func expect(got, want int) error {
	if got != want {
		return fmt.Errorf("%d messages, want %d", got, want)
	}
	return nil
}
