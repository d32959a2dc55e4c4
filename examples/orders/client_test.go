package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"go.uber.org/goleak"

	ordersv1 "github.com/oidcrpc/oidcrpc/examples/orders/v1"
	"github.com/oidcrpc/oidcrpc/examples/orders/v1/ordersv1connect"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// protocols are the ways to call the service. grpc-go answers the first, and connect-go
// the others.
var protocols = map[string][]connect.ClientOption{
	"gRPC":         {connect.WithGRPC()},
	"gRPC-Web, v2": {connect.WithGRPCWeb()},
	"Connect, v2":  nil,
	"gRPC-Web, v1": {connect.WithGRPCWeb()},
	"Connect, v1":  nil,
}

// A server is the whole service, with connect-go v2 on one port and v1 on another, and
// its issuer.
type server struct {
	issuer    *verifiertest.Issuer
	url, v1   string
	transport *http.Transport
}

func startServer(t *testing.T) *server {
	t.Helper()
	s := &server{issuer: verifiertest.NewIssuer(), transport: &http.Transport{Protocols: new(http.Protocols)}}
	s.transport.Protocols.SetUnencryptedHTTP2(true)
	auth := newTestAuthenticator(t, s.issuer)
	t.Cleanup(s.transport.CloseIdleConnections)
	s.url, s.v1 = startHandler(t, newHandler(auth, false)), startHandler(t, newHandler(auth, true))
	return s
}

// startHandler returns the URL at which it serves.
func startHandler(t *testing.T, handler http.Handler) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var served sync.WaitGroup
	served.Go(func() {
		if err := serve(ctx, listener, handler); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		stop()
		served.Wait()
	})
	return "http://" + listener.Addr().String()
}

func newTestAuthenticator(t *testing.T, issuer *verifiertest.Issuer) *interceptor.Authenticator {
	t.Helper()
	v, err := verifier.New(issuer.Config())
	if err != nil {
		t.Fatal(err)
	}
	auth, err := newAuthenticator(v)
	if err != nil {
		t.Fatal(err)
	}
	return auth
}

// A client calls the service over one protocol, with one token or none.
type client struct {
	ordersv1connect.OrderServiceClient
}

// client returns one with a token for these claims, or without a token for nil.
func (s *server) client(protocol string, claims map[string]any) client {
	httpClient := &http.Client{Transport: s.transport}
	if claims != nil {
		httpClient.Transport = bearer{token: s.issuer.Token(claims), next: s.transport}
	}
	url := s.url
	if strings.HasSuffix(protocol, "v1") {
		url = s.v1
	}
	return client{ordersv1connect.NewOrderServiceClient(httpClient, url, protocols[protocol]...)}
}

type bearer struct {
	token string
	next  http.RoundTripper
}

func (b bearer) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set("Authorization", "Bearer "+b.token)
	return b.next.RoundTrip(req)
}

func (c client) list(ctx context.Context) (items string, err error) {
	res, err := c.ListOrders(ctx, connect.NewRequest(&ordersv1.ListOrdersRequest{}))
	if err != nil {
		return "", err
	}
	var all []string
	for _, order := range res.Msg.GetOrders() {
		all = append(all, order.GetItem())
	}
	return strings.Join(all, " "), nil
}

func (c client) create(ctx context.Context, item string) (id string, err error) {
	res, err := c.CreateOrder(ctx, connect.NewRequest(&ordersv1.CreateOrderRequest{Item: item, Quantity: 1}))
	if err != nil {
		return "", err
	}
	return res.Msg.GetOrder().GetId(), nil
}

func (c client) remove(ctx context.Context, id string) error {
	_, err := c.DeleteOrder(ctx, connect.NewRequest(&ordersv1.DeleteOrderRequest{Id: id}))
	return err
}

// watch returns a function that waits for the next order.
func (c client) watch(ctx context.Context) (next func() (item string, err error), err error) {
	stream, err := c.WatchOrders(ctx, connect.NewRequest(&ordersv1.WatchOrdersRequest{}))
	if err != nil {
		return nil, err
	}
	return func() (string, error) {
		if stream.Receive() {
			return stream.Msg().GetOrder().GetItem(), nil
		}
		return "", errors.Join(stream.Err(), stream.Close())
	}, nil
}

func (c client) imports(ctx context.Context, items ...string) (count int32, err error) {
	stream := c.ImportOrders(ctx)
	for _, item := range items {
		if err := stream.Send(&ordersv1.ImportOrdersRequest{Item: item, Quantity: 1}); err != nil {
			break // CloseAndReceive tells why
		}
	}
	res, err := stream.CloseAndReceive()
	if err != nil {
		return 0, err
	}
	return res.Msg.GetCount(), nil
}

func codeOf(err error) connect.Code {
	if err == nil {
		return 0
	}
	return connect.CodeOf(err)
}

// justLoggedIn may delete, too.
func justLoggedIn(subject string) map[string]any {
	claims := as(subject)
	claims["auth_time"] = time.Now().Unix()
	return claims
}
